-- The calls of a rate: a list of "time:cost" in order of time, in microseconds.

local CHUNK = 500

local function parsed(entry)
  local at, cost = string.match(entry, '^(%d+):(%d+)$')
  return tonumber(at), tonumber(cost)
end

-- Drops calls that have left the window; what is left of `sum`. Mostly there is none or one: the first look is short.
local function forget(calls, sum, start)
  local some = 1
  while true do
    local entries = redis.call('LRANGE', calls, 0, some - 1)
    local gone = 0
    for _, entry in ipairs(entries) do
      local at, cost = parsed(entry)
      if at > start then break end
      gone, sum = gone + 1, sum - cost
    end
    if gone > 0 then redis.call('LTRIM', calls, gone, -1) end
    if gone < some then return sum end
    some = math.min(some * 4, CHUNK)
  end
end

-- Enters a call. The list stays in order of time: permits stand in it at the end of their lease (lease.lua).
local function enter(calls, at, cost)
  local later = {}
  while true do
    local entry = redis.call('LINDEX', calls, -1)
    if not entry or parsed(entry) <= at then break end
    later[#later + 1] = redis.call('RPOP', calls)
  end
  redis.call('RPUSH', calls, string.format('%.0f:%.0f', at, cost))
  for index = #later, 1, -1 do redis.call('RPUSH', calls, later[index]) end
end

-- Reads the state of a rate.
local function read(c)
  local state = redis.call('HMGET', c.key, 'sum', 'last', 'arrival', 'rest', 'scale', 'latest')
  c.sum, c.last, c.latest = tonumber(state[1] or '0'), tonumber(state[2] or '0'), tonumber(state[6] or '0')
  c.arrival, c.rest = tonumber(state[3] or '0'), tonumber(state[4] or '0')
  if state[5] and tonumber(state[5]) ~= c.limit and c.rest > 0 then
    c.arrival, c.rest = c.arrival + 1, 0  -- the limit changed: the fraction is rounded up in favour of it
  end
end
