-- Puts back what a worker knows of an agreement's counters. Of what is there and what comes, the larger stands
-- (policies/seed.py), so that it does no harm to put the same back twice, or by every worker.
--
-- KEYS[1]  the epoch; then two keys a seed, as in decide.lua.
-- ARGV     'server id' of the epoch; then for each seed its kind and
--            R  arrival us, whether calls that are there stand alone, number of calls, (us, amount)... oldest first
--            Q  start s, end s, used, number of members, members...
--            F  number of exchanges, (exchange, until us)...
-- Returns  1, or 0 if the epoch is another one.

local CHUNK = 500
local RATE_LIFE_S = 2764800  -- no window is longer than 31 days; the next decision says it exactly
local epoch = redis.call('GET', KEYS[1]) or ''
if string.match(epoch, '^%a+ (%S+ %S+)') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local now_s = tonumber(time[1])
local place = 2
local function take()
  place = place + 1
  return ARGV[place - 1]
end

local function calls_of(key)
  local calls = {}
  for index, entry in ipairs(redis.call('LRANGE', key, 0, -1)) do
    local at, cost = string.match(entry, '^(%d+):(%d+)$')
    calls[index] = {tonumber(at), tonumber(cost)}
  end
  return calls
end

-- As much counts since any moment as the one says that says more; newest first.
local function larger(ones, others)
  local one, other, sums, counted, calls = #ones, #others, {0, 0}, 0, {}
  while one > 0 or other > 0 do
    local at, cost
    if other == 0 or one > 0 and ones[one][1] >= others[other][1] then
      at, cost = ones[one][1], ones[one][2]
      sums[1], one = sums[1] + cost, one - 1
    else
      at, cost = others[other][1], others[other][2]
      sums[2], other = sums[2] + cost, other - 1
    end
    local more = math.max(sums[1], sums[2]) - counted
    if more > 0 then counted, calls[#calls + 1] = counted + more, {at, more} end
  end
  return calls, counted
end

local restore = {}

function restore.R(key, other)
  local arrival, soft, came = tonumber(take()), take() == '1', {}
  for index = 1, tonumber(take()) do
    local at = tonumber(take())
    came[index] = {at, tonumber(take())}
  end
  if soft and redis.call('EXISTS', key) == 1 then return end
  local calls, sum = larger(calls_of(other), came)
  redis.call('DEL', other)
  for last = #calls, 1, -CHUNK do
    local entries = {}
    for index = last, math.max(last - CHUNK + 1, 1), -1 do
      entries[#entries + 1] = string.format('%.0f:%.0f', calls[index][1], calls[index][2])
    end
    redis.call('RPUSH', other, unpack(entries))
  end
  local state = redis.call('HMGET', key, 'latest', 'arrival')
  local latest = math.max(tonumber(state[1] or '0'), calls[1] and calls[1][1] or 0)
  if arrival > tonumber(state[2] or '0') then redis.call('HSET', key, 'arrival', arrival, 'rest', 0) end
  redis.call('HSET', key, 'sum', sum, 'latest', latest)
  redis.call('EXPIRE', key, RATE_LIFE_S)
  redis.call('EXPIRE', other, RATE_LIFE_S)
end

function restore.Q(key, other)
  local start, finish, used, members = tonumber(take()), tonumber(take()), tonumber(take()), {}
  for index = 1, tonumber(take()) do members[index] = take() end
  local state = redis.call('HMGET', key, 'start', 'finish', 'used')
  local there_start, there_finish = tonumber(state[1] or '0'), tonumber(state[2] or '0')
  if state[1] and there_start >= finish then return end
  if there_finish <= start then
    redis.call('DEL', other)
  else
    used = math.max(used, tonumber(state[3] or '0'))
    if there_start > start then start, finish = there_start, there_finish end
  end
  for first = 1, #members, CHUNK do
    redis.call('SADD', other, unpack(members, first, math.min(first + CHUNK - 1, #members)))
  end
  used = math.max(used, redis.call('SCARD', other))
  redis.call('HSET', key, 'start', start, 'finish', finish, 'used', used)
  local life_s = math.max(finish - now_s, 0) + 3600
  redis.call('EXPIRE', key, life_s)
  redis.call('EXPIRE', other, life_s)
end

function restore.F(key)
  local latest = 0
  for _ = 1, tonumber(take()) do
    local hold, last = take(), tonumber(take())
    redis.call('ZADD', key, 'GT', last, hold)
    latest = math.max(latest, last)
  end
  local there = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  if there[2] then redis.call('EXPIRE', key, math.max(math.ceil(tonumber(there[2]) / 1000000) - now_s, 0) + 60) end
end

for number = 1, (#KEYS - 1) / 2 do
  restore[take()](KEYS[number * 2], KEYS[number * 2 + 1])
end
return 1
