-- Posts the texts of a file, each once; at the end prints what came of it, as JSON.
--   wrk ... -s wrk.lua URL -- FILE PATH

local requests, sent = {}, 0
local sender
-- Global, so that the state in which `done` runs can read it.
is_exhausted = false

function setup(thread)
    sender = thread
end

function init(args)
    for line in io.lines(args[1]) do
        local signature, body = line:match("^(%S+) (.*)$")
        requests[#requests + 1] = wrk.format("POST", args[2], {
            ["Host"] = "clientflow.example.com",
            ["User-Agent"] = "TwilioProxy/1.1",
            ["Accept"] = "*/*",
            ["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8",
            ["I-Twilio-Idempotency-Token"] = "00000000-0000-0000-0000-000000000000",
            ["X-Home-Region"] = "us1",
            ["X-Twilio-Signature"] = signature,
        }, body)
    end
end

function request()
    sent = sent + 1
    if sent > #requests then
        is_exhausted = true
        wrk.thread:stop()
        return requests[#requests]
    end
    return requests[sent]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"answers":%d,"seconds":%.6f,"bad_answers":%d,"broken":%d,"p50_ms":%.4f,"p99_ms":%.4f,"is_exhausted":%s}\n',
        summary.requests, summary.duration / 1e6, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, tostring(sender:get("is_exhausted"))))
end
