// Package authority is the small certificate authority of one server and its
// agents: a root of ECDSA P-256 that signs for nobody else, leaves that live a
// day, and TLS 1.3 in which both sides show one.
//
// The root, its key and a secret lie in one file of the server, readable by its
// owner alone. Servers that share a database share the file.
//
// Both leaves are told apart by their use: a server's may only serve, and an
// agent's only call, so a node that was broken into cannot pose as the server.
// An agent knows the root by its SHA-256, the pin, which its join token carries.
package authority
