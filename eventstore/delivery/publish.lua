-- Compare and append: only the contiguous rest of a batch enters the stream, under the ids epoch-position.
-- KEYS[1] the stream. ARGV: epoch, first position, id of the event before the first ('' when unknown),
-- '1' when an empty or older stream may begin at the first position, then id and packed event for each position.
-- Returns verdict, number added, epoch of the top, position of the top, id of the event at the top ('' when trimmed).
local epoch, first, previous, seed = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local top_epoch, top, top_event = 0, 0, ''

local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if not info.err then
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      local e, p = string.match(info[i + 1], '(%d+)-(%d+)')
      top_epoch, top = tonumber(e), tonumber(p)
    elseif info[i] == 'last-entry' and info[i + 1] then
      top_event = info[i + 1][2][2]
    end
  end
end

local function answer(verdict, added) return {verdict, added, top_epoch, top, top_event} end

if top_epoch > epoch then return answer('ahead', 0) end
local count = (#ARGV - 4) / 2
if count == 0 then return answer('ok', 0) end

local at = top
if top_epoch < epoch then
  at = (seed == '1' or first == 1) and first - 1 or 0
end
if first > at + 1 then return answer('hole', 0) end
if top_epoch == epoch and top_event ~= '' then
  local known = previous
  if at >= first then known = at < first + count and ARGV[5 + 2 * (at - first)] or '' end
  if known ~= '' and known ~= top_event then return answer('diverged', 0) end
end

local added = 0
for i = math.max(0, at + 1 - first), count - 1 do
  redis.call('XADD', KEYS[1], epoch .. '-' .. string.format('%.0f', first + i), 'id', ARGV[5 + 2 * i], 'event', ARGV[6 + 2 * i])
  top_epoch, top, top_event = epoch, first + i, ARGV[5 + 2 * i]
  added = added + 1
end
return answer('ok', added)
