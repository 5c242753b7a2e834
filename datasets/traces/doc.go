// Package traces knows public traces of real load: where each comes from, under which
// terms, what its files hash to, and how they are read. It downloads and converts
// them; no data of others lies in the project.
package traces
