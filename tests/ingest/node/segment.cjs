// Segment's SDK for Node, as its user would: makes the calls that standard input names, flushes, and says what it heard.
//
//   node segment.cjs PACKAGES  <  {"settings": {...}, "calls": [["track", {...}], ...]}
//
// PACKAGES is the folder with node_modules. Prints {"delivered", "failed", "errors", "statuses"} as JSON.

const { createRequire } = require('node:module')
const { readFileSync } = require('node:fs')
const { join } = require('node:path')

const { Analytics } = createRequire(join(process.argv[2], 'here.cjs'))('@segment/analytics-node')
const { settings, calls } = JSON.parse(readFileSync(0, 'utf8'))

const heard = { delivered: 0, failed: [], errors: [], statuses: [] }
const analytics = new Analytics(settings)
analytics.on('error', (error) => heard.errors.push({ code: error.code, reason: String(error.reason) }))
analytics.on('http_response', (response) => heard.statuses.push(response.status))

for (const [call, message] of calls) {
  if (message.timestamp) message.timestamp = new Date(message.timestamp)
  analytics[call](message, (error) => {
    if (error) heard.failed.push(message.messageId)
    else heard.delivered += 1
  })
}

analytics.closeAndFlush({ timeout: 30_000 }).then(() => process.stdout.write(JSON.stringify(heard)))
