-- Whether an agreement's counters are those that its workers know. The epoch names a life of the counters in one server
-- process: it is another one when they were lost, or when another process, which may know less, serves them.
--
-- KEYS[1]  the epoch, 'open <server> <id>' or 'seeding <server> <id> <until us>'; KEYS[2] the workers it waits for.
-- ARGV     mode, worker; then with 'begin' the server process, a new id, us to wait at most, workers that are alive...
-- 'begin' sees whether a new epoch has to begin; 'seeded' says that a worker has put back all that it knows.
-- Returns  the epoch, which is open when every worker has, or is given up.

local LIFE_S = 34560000
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local epoch = redis.call('GET', KEYS[1])

if ARGV[1] == 'begin' then
  local server = epoch and string.match(epoch, '^%a+ (%S+) ')
  if server ~= ARGV[3] then
    epoch = string.format('seeding %s %s %.0f', ARGV[3], ARGV[4], now + tonumber(ARGV[5]))
    redis.call('SET', KEYS[1], epoch, 'EX', LIFE_S)
    redis.call('DEL', KEYS[2])
    redis.call('SADD', KEYS[2], ARGV[2], unpack(ARGV, 6))
    redis.call('EXPIRE', KEYS[2], LIFE_S)
  end
  return epoch
end

redis.call('SREM', KEYS[2], ARGV[2])
local server, id, last = string.match(epoch or '', '^seeding (%S+) (%S+) (%d+)$')
if server and (redis.call('SCARD', KEYS[2]) == 0 or now >= tonumber(last)) then
  epoch = string.format('open %s %s', server, id)
  redis.call('SET', KEYS[1], epoch, 'EX', LIFE_S)
  redis.call('DEL', KEYS[2])
end
return epoch or ''
