// Package policy says which containers may be made on a node, whoever asks. The
// file lies on the node and is read by the agent alone, so a server that was
// taken over gains no root there.
//
// Everything is refused that is not allowed here: a field of the engine's API that
// this package does not know must be empty. Without a file nothing may be made.
package policy
