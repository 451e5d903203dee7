-- A part of read-entries.lua and claim-entries.lua.
-- message_of(fields, max_bytes) says what an entry holds, and returns its message, or only the length of one that is
-- too long.

local function message_of(fields, max_bytes)
  if not fields then return 'trimmed', '' end
  for i = 1, #fields, 2 do
    if fields[i] == 'message' then
      local body = fields[i + 1]
      if #body > max_bytes then return 'too long', #body end
      return 'message', body
    end
  end
  return 'no message', ''
end
