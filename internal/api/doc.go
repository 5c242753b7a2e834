// Package api answers HTTP: the resources under /v1 with their OpenAPI 3.1
// description, a stream of server-sent events, health, metrics, and the files
// of the dashboard.
//
// It reads the store and hands samples to the ingest; it decides nothing. It
// imports the root package alone and declares the few reads that it makes, so
// that any backend serves it. Each resource has one file that starts with its
// routes. Every error leaves through errors.go.
package api
