-- wrk's load: POST the lines of a file in turn, and say at the end, as JSON, what became of them.
-- wrk ... -s ingest.lua URL -- BODIES KEY
local requests, last = {}, 0

function init(args)
  local headers = {["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. args[2]}
  for body in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  last = last % #requests + 1
  return requests[last]
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format('{"requests": %d, "seconds": %f, "failed": %d, "p50": %f, "p99": %f}',
    summary.requests, summary.duration / 1e6, errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
