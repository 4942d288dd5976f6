-- One decision on every charge of a call: check all of them, then commit all or none.
--
-- KEYS[1]  the agreement's epoch; then two keys a charge (a rate: its state and its calls; a quota: its state and its
--          people; in flight: the exchanges, and a key that is not used). All have the same hash tag.
-- ARGV     mode ('decide', 'look': commit nothing, 'add': commit all of it, whether it fits or not), the epoch that the
--          caller knows, microseconds now ('': this server's clock), microseconds after which nobody waits for the answer
--          (0: somebody does), the caller's Unix microseconds, the exchange; then for each charge its kind and
--            R  observe, limit, amount, window us, spacing us and rest, tolerance us and rest
--            Q  observe, limit, amount, start s, end s, number of members, members...
--            F  observe, limit, amount, hold us
-- Returns  {'lost'} if the counters are not those that the caller knows, {'late', now} if it has given up, or
--          {'ok', now, number of the charge that refused or 0, wait us, flags of members of each quota of people...,
--          then five numbers a charge}. Microseconds fit a double exactly until the year 2255.

local time = redis.call('TIME')
local clock = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = ARGV[3] ~= '' and tonumber(ARGV[3]) or clock
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return {'lost'} end
local mode, deadline, caller, hold = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
if deadline > 0 and clock > deadline then return {'late', string.format('%.0f', clock)} end

-- include _calls

local RETRY = 1000000  -- nobody knows when an exchange ends, and nearly all have by then

-- When so much will have left the window that `surplus` is gone; the end of a whole window if that is never.
local function freed(calls, surplus, window, at)
  local first, some = 0, 1
  while true do
    local entries = redis.call('LRANGE', calls, first, first + some - 1)
    for _, entry in ipairs(entries) do
      local came, cost = parsed(entry)
      surplus = surplus - cost
      if surplus <= 0 then return came + window - at end
    end
    if #entries < some then return window end
    first, some = first + some, math.min(some * 4, CHUNK)
  end
end

local check, commit, stand = {}, {}, {}

function check.R(c)
  read(c)
  c.at = math.max(now, c.last)  -- a clock that was set back gives nothing away
  c.stored = c.sum
  c.sum = forget(c.other, c.sum, c.at - c.window)
  if c.amount > c.limit or c.tolerance < 0 then return c.window end  -- it can never fit
  local wait = 0
  if c.sum + c.amount > c.limit then
    wait = freed(c.other, c.sum + c.amount - c.limit, c.window, c.at)
  end
  local early = c.arrival - c.tolerance - c.at
  if c.rest > c.tolerance_rest then early = early + 1 end
  return math.max(wait, early, 0)
end

function commit.R(c)
  if c.amount > 0 then
    if c.arrival < c.at then c.arrival, c.rest = c.at, 0 end
    c.arrival, c.rest = c.arrival + c.spacing, c.rest + c.spacing_rest
    if c.rest >= c.limit then c.arrival, c.rest = c.arrival + 1, c.rest - c.limit end
    enter(c.other, c.at, c.amount)
    c.sum, c.last = c.sum + c.amount, c.at
  end
  redis.call('HSET', c.key, 'sum', c.sum, 'last', c.last, 'arrival', c.arrival, 'rest', c.rest, 'scale', c.limit)
  local life = math.ceil((c.window + math.max(c.arrival - c.at, 0)) / 1000) + 60000
  redis.call('PEXPIRE', c.key, life)
  redis.call('PEXPIRE', c.other, life)
end

-- What was forgotten has to be written down although nothing is charged.
local function kept(c)
  if c.sum ~= c.stored then redis.call('HSET', c.key, 'sum', c.sum) end
end

function stand.R(c)
  local oldest = redis.call('LINDEX', c.other, 0)
  return c.sum, oldest and parsed(oldest) + c.window - c.at or 0, math.max(c.last, c.latest), c.rest > 0 and c.arrival + 1 or c.arrival
end

-- One flag a member: '1' if it is counted already.
local function flags(c)
  if #c.members == 0 or c.fresh then return string.rep('0', #c.members) end
  local found = {}
  for first = 1, #c.members, CHUNK do
    local known = redis.call('SMISMEMBER', c.other, unpack(c.members, first, math.min(first + CHUNK - 1, #c.members)))
    found[#found + 1] = table.concat(known)
  end
  return table.concat(found)
end

function check.Q(c)
  local state = redis.call('HMGET', c.key, 'start', 'finish', 'used')
  local start, finish = tonumber(state[1] or '0'), tonumber(state[2] or '0')
  c.used, c.fresh = tonumber(state[3] or '0'), false
  if finish <= c.start then
    c.used, c.fresh = 0, true
  elseif start >= c.finish then
    c.start, c.finish = start, finish  -- the caller's clock is behind
  end
  c.flags = flags(c)
  local _, known = string.gsub(c.flags, '1', '')
  c.new = #c.members - known + c.amount
  local asks = c.amount == 0 and #c.members == 0
  if asks and c.used < c.limit or not asks and (c.new == 0 or c.used + c.new <= c.limit) then return 0 end
  return math.max(c.finish * 1000000 - caller, 1)
end

function commit.Q(c)
  if c.new == 0 then return end  -- a new period begins with its first charge
  c.used = c.used + c.new
  redis.call('HSET', c.key, 'start', c.start, 'finish', c.finish, 'used', c.used)
  if c.fresh then redis.call('DEL', c.other) end
  for first = 1, #c.members, CHUNK do
    redis.call('SADD', c.other, unpack(c.members, first, math.min(first + CHUNK - 1, #c.members)))
  end
  local life = math.max(c.finish * 1000 - math.floor(caller / 1000), 0) + 3600000
  redis.call('PEXPIRE', c.key, life)
  redis.call('PEXPIRE', c.other, life)
end

function stand.Q(c)
  return c.used, c.start, c.finish, 0
end

function check.F(c)
  c.count = redis.call('ZCOUNT', c.key, string.format('(%.0f', now), '+inf')
  c.held = redis.call('ZSCORE', c.key, hold)
  c.held = c.held and tonumber(c.held) > now
  return (c.held or c.count < c.limit) and 0 or RETRY
end

function commit.F(c)
  if c.amount == 0 then return end
  redis.call('ZREMRANGEBYSCORE', c.key, '-inf', now)
  redis.call('ZADD', c.key, now + c.hold, hold)
  if not c.held then c.count = c.count + 1 end
  redis.call('PEXPIRE', c.key, math.ceil(c.hold / 1000) + 60000)
end

function stand.F(c)
  return c.count, c.count > 0 and RETRY or 0, 0, 0
end

local charges, place = {}, 7
local function take(count)
  place = place + count
  return unpack(ARGV, place - count, place - 1)
end
for number = 1, (#KEYS - 1) / 2 do
  local kind, observe, limit = take(3)
  local c = {kind = kind, observe = observe == '1', limit = tonumber(limit)}
  c.key, c.other = KEYS[number * 2], KEYS[number * 2 + 1]
  if kind == 'F' then
    local amount, span = take(2)
    c.amount, c.hold = tonumber(amount), tonumber(span)
  elseif kind == 'R' then
    local amount, window, spacing, spacing_rest, tolerance, tolerance_rest = take(6)
    c.amount, c.window = tonumber(amount), tonumber(window)
    c.spacing, c.spacing_rest = tonumber(spacing), tonumber(spacing_rest)
    c.tolerance, c.tolerance_rest = tonumber(tolerance), tonumber(tolerance_rest)
  else
    local amount, start, finish, count = take(4)
    c.amount, c.start, c.finish, c.members = tonumber(amount), tonumber(start), tonumber(finish), {}
    for index = 1, tonumber(count) do c.members[index] = take(1) end
  end
  charges[number] = c
end

local bound, longest = 0, 0
for number, c in ipairs(charges) do
  local wait = check[c.kind](c)
  c.fits = wait == 0
  if mode == 'decide' and not c.observe and wait > longest then bound, longest = number, wait end
end

for _, c in ipairs(charges) do
  if mode == 'add' or mode == 'decide' and bound == 0 and c.fits then
    commit[c.kind](c)
  elseif c.kind == 'R' then
    kept(c)
  end
end
if mode ~= 'look' and bound == 0 then redis.call('EXPIRE', KEYS[1], 34560000) end

local reply = {'ok', string.format('%.0f', now), bound, longest}
for _, c in ipairs(charges) do
  if c.kind == 'Q' and #c.members > 0 then reply[#reply + 1] = c.flags end
end
for _, c in ipairs(charges) do
  local one, two, three, four = stand[c.kind](c)
  local last = #reply
  reply[last + 1], reply[last + 2], reply[last + 3], reply[last + 4] = one, two, three, four
  reply[last + 5] = c.fits and 1 or 0
end
return reply
