-- A worker says that it is alive, and learns who else is and whose counters are being rebuilt.
--
-- KEYS[1]  workers by the time they were last heard of; KEYS[2] agreements by the time their rebuilding began.
-- ARGV     worker, us after which a worker that is silent is dead, agreements whose rebuilding this worker began...
-- Returns  {now, 1 if the worker was known, number of workers, workers..., agreements...}.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local silent = now - tonumber(ARGV[2])
local known = redis.call('ZSCORE', KEYS[1], ARGV[1]) and 1 or 0
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', silent)
redis.call('EXPIRE', KEYS[1], 3600)
for index = 3, #ARGV do redis.call('ZADD', KEYS[2], now, ARGV[index]) end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', silent)
redis.call('EXPIRE', KEYS[2], 3600)
local workers = redis.call('ZRANGE', KEYS[1], 0, -1)
local reply = {string.format('%.0f', now), known, #workers}
for _, worker in ipairs(workers) do reply[#reply + 1] = worker end
for _, agreement in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do reply[#reply + 1] = agreement end
return reply
