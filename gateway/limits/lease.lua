-- Leases permits: each lets one call pass all of these charges, at some time while the lease lasts (leased.py says why
-- never more is admitted). As many as fit into every limit, up to what is wanted, or nothing at all is committed. A permit
-- is entered as a call at the end of the lease, and has to fit as if it were used now.
--
-- KEYS     as decide.lua
-- ARGV     as decide.lua: permits wanted in place of the mode, how long the lease lasts in microseconds in place of the
--          exchange; the charges are rates and quotas, without members.
-- Returns  {'lost'} or {'late', now} as decide.lua, or {'ok', now, 0, 0, five numbers a charge as decide.lua (the last: 0 if
--          it is not charged), then permits, the epoch, and an entry a charge: give_back.lua finds it by that}.

local time = redis.call('TIME')
local clock = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = ARGV[3] ~= '' and tonumber(ARGV[3]) or clock
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return {'lost'} end
local want, deadline, caller, lease = tonumber(ARGV[1]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
if deadline > 0 and clock > deadline then return {'late', string.format('%.0f', clock)} end

-- include _calls

local room, commit, stand = {}, {}, {}

function room.R(c)
  read(c)
  c.at = math.max(now, c.last)
  c.entry = c.at + lease
  local sum = forget(c.other, c.sum, c.at - c.window)
  if sum ~= c.sum then redis.call('HSET', c.key, 'sum', sum) end
  c.sum = sum
  -- Unused permits are not given back to GCRA: leases draw on half of a burst, the other half is for single calls.
  local start = math.max(c.rest > 0 and c.arrival + 1 or c.arrival, c.entry)
  local spacing = c.spacing_rest > 0 and c.spacing + 1 or c.spacing
  local even = math.floor((c.at + math.floor(c.tolerance / 2) - start) / spacing)
  return math.min(math.floor((c.limit - c.sum) / c.amount), even)
end

function commit.R(c, permits)
  if c.arrival < c.entry then c.arrival, c.rest = c.entry, 0 end
  local rest = c.rest + permits * c.spacing_rest
  c.arrival = c.arrival + permits * c.spacing + math.floor(rest / c.limit)
  c.rest = rest % c.limit
  enter(c.other, c.entry, permits * c.amount)
  c.sum, c.last, c.latest = c.sum + permits * c.amount, c.at, math.max(c.latest, c.entry)
  redis.call('HSET', c.key, 'sum', c.sum, 'last', c.last, 'latest', c.latest)
  redis.call('HSET', c.key, 'arrival', c.arrival, 'rest', c.rest, 'scale', c.limit)
  local life = math.ceil((c.window + lease + math.max(c.arrival - c.at, 0)) / 1000) + 60000
  redis.call('PEXPIRE', c.key, life)
  redis.call('PEXPIRE', c.other, life)
end

function stand.R(c)
  local oldest = redis.call('LINDEX', c.other, 0)
  local arrival = c.rest > 0 and c.arrival + 1 or c.arrival
  return c.sum, oldest and parsed(oldest) + c.window - c.at or 0, math.max(c.last, c.latest), arrival
end

function room.Q(c)
  local state = redis.call('HMGET', c.key, 'start', 'finish', 'used')
  local start, finish = tonumber(state[1] or '0'), tonumber(state[2] or '0')
  c.used, c.fresh, c.entry = tonumber(state[3] or '0'), false, c.start
  if finish <= c.start then
    c.used, c.fresh = 0, true
  elseif start >= c.finish then
    c.start, c.finish = start, finish  -- the caller's clock is behind: its calls are not of the period that is counted
    return 0
  end
  if c.amount == 0 then return c.used < c.limit and want or 0 end
  return math.floor((c.limit - c.used) / c.amount)
end

function commit.Q(c, permits)
  if c.amount == 0 then return end  -- a new period begins with its first charge
  c.used = c.used + permits * c.amount
  redis.call('HSET', c.key, 'start', c.start, 'finish', c.finish, 'used', c.used)
  if c.fresh then redis.call('DEL', c.other) end
  local life = math.max(c.finish * 1000 - math.floor(caller / 1000), 0) + 3600000
  redis.call('PEXPIRE', c.key, life)
  redis.call('PEXPIRE', c.other, life)
end

function stand.Q(c)
  return c.used, c.start, c.finish, 0
end

local charges, place = {}, 7
local function take(count)
  place = place + count
  return unpack(ARGV, place - count, place - 1)
end
for number = 1, (#KEYS - 1) / 2 do
  local kind, observe, limit, amount = take(4)
  local c = {kind = kind, observe = observe == '1', limit = tonumber(limit), amount = tonumber(amount)}
  c.key, c.other = KEYS[number * 2], KEYS[number * 2 + 1]
  if kind == 'R' then
    local window, spacing, spacing_rest, tolerance, _ = take(5)
    c.window, c.tolerance = tonumber(window), tonumber(tolerance)
    c.spacing, c.spacing_rest = tonumber(spacing), tonumber(spacing_rest)
  else
    local start, finish, _ = take(3)
    c.start, c.finish = tonumber(start), tonumber(finish)
  end
  charges[number] = c
end

local permits = want
for _, c in ipairs(charges) do
  local fits = room[c.kind](c)
  c.charged = fits >= 1
  if c.charged or not c.observe then permits = math.min(permits, fits) end
end
permits = math.max(permits, 0)

for _, c in ipairs(charges) do
  c.charged = c.charged and permits > 0
  if c.charged then commit[c.kind](c, permits) end
end
if permits > 0 then redis.call('EXPIRE', KEYS[1], 34560000) end

local reply = {'ok', string.format('%.0f', now), 0, 0}
for _, c in ipairs(charges) do
  local one, two, three, four = stand[c.kind](c)
  local last = #reply
  reply[last + 1], reply[last + 2], reply[last + 3], reply[last + 4] = one, two, three, four
  reply[last + 5] = c.charged and 1 or 0
end
reply[#reply + 1], reply[#reply + 2] = permits, ARGV[2]
for _, c in ipairs(charges) do reply[#reply + 1] = c.charged and c.entry or 0 end
return reply
