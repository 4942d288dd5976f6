-- Permits that lease.lua gave out, that were not used and will not be: windows and periods get them back, exactly.
--
-- KEYS     as decide.lua
-- ARGV     as decide.lua: permits that were not used in place of the mode; in place of the exchange the epoch under
--          which they were leased, how long the lease lasts in microseconds, and each charge's entry, as lease.lua said
--          them, with commas between.
-- Returns  {'lost'} or {'ok', now, 0, 0, five numbers a charge as decide.lua}. In another epoch than that of the lease the
--          counters may not have it in them: then nothing is given back.

local time = redis.call('TIME')
local now = ARGV[3] ~= '' and tonumber(ARGV[3]) or tonumber(time[1]) * 1000000 + tonumber(time[2])
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return {'lost'} end
local unused, said = tonumber(ARGV[1]), {}
for part in string.gmatch(ARGV[6], '[^,]+') do said[#said + 1] = part end
local same, lease = said[1] == ARGV[2], tonumber(said[2])

local CHUNK = 100
local back, stand = {}, {}

local function parsed(entry)
  local at, cost = string.match(entry, '^(%d+):(%d+)$')
  return tonumber(at), tonumber(cost)
end

-- Takes so much out of the calls entered at this moment, whosever they are: they leave the window together. What was
-- entered before the lease began cannot be it. Returns what is left to be taken out.
local function taken_out(calls, entered, cost)
  local last = -1
  while true do
    local entries = redis.call('LRANGE', calls, last - CHUNK + 1, last)
    for index = #entries, 1, -1 do
      local at, entry_cost = parsed(entries[index])
      if at == entered then
        local taken = math.min(entry_cost, cost)
        redis.call('LSET', calls, last - (#entries - index), string.format('%.0f:%.0f', at, entry_cost - taken))
        cost = cost - taken
      end
      if cost == 0 or at < entered - lease then return cost end
    end
    if #entries < CHUNK then return cost end
    last = last - CHUNK
  end
end

function back.R(c, cost)
  local left = taken_out(c.other, c.entry, cost)
  redis.call('LREM', c.other, -1, string.format('%.0f:0', c.entry))
  if left < cost then redis.call('HINCRBY', c.key, 'sum', left - cost) end
end

function stand.R(c)
  local state = redis.call('HMGET', c.key, 'sum', 'last', 'latest', 'arrival', 'rest')
  for index = 1, 5 do state[index] = tonumber(state[index] or '0') end
  local sum, last, latest, arrival, rest = unpack(state)
  local oldest = redis.call('LINDEX', c.other, 0)
  local reset = oldest and parsed(oldest) + c.window - math.max(now, last) or 0
  return sum, math.max(reset, 0), math.max(last, latest), rest > 0 and arrival + 1 or arrival
end

function back.Q(c, cost)
  local state = redis.call('HMGET', c.key, 'start', 'used')
  if tonumber(state[1] or '0') == c.entry then
    redis.call('HSET', c.key, 'used', math.max(tonumber(state[2] or '0') - cost, 0))
  end
end

function stand.Q(c)
  local state = redis.call('HMGET', c.key, 'used', 'start', 'finish')
  return tonumber(state[1] or '0'), tonumber(state[2] or '0'), tonumber(state[3] or '0'), 0
end

local reply, place = {'ok', string.format('%.0f', now), 0, 0}, 7
local function take(count)
  place = place + count
  return unpack(ARGV, place - count, place - 1)
end
for number = 1, (#KEYS - 1) / 2 do
  local kind, _, _, amount = take(4)
  local c = {key = KEYS[number * 2], other = KEYS[number * 2 + 1], entry = tonumber(said[number + 2])}
  local window = take(kind == 'R' and 5 or 3)
  c.window = tonumber(window)
  local cost = unused * tonumber(amount)
  if same and cost > 0 and c.entry > 0 then back[kind](c, cost) end
  local one, two, three, four = stand[kind](c)
  local last = #reply
  reply[last + 1], reply[last + 2], reply[last + 3], reply[last + 4], reply[last + 5] = one, two, three, four, 1
end
return reply
