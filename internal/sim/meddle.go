package sim

import "fmt"

// Meddle is somebody else who changes a service's instances: it removes those that are
// named and makes so many new ones, ready at once, named after the prefix.
func (w *World) Meddle(service string, remove []string, make int, prefix string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance()
	s := w.services[service]
	for _, id := range remove {
		u := w.units[id]
		if u == nil || u.workload != s {
			return fmt.Errorf("there is no instance %s of %s", id, service)
		}
		w.remove(u)
		u.workload.stops-- // not by forescale
	}
	for k := range make {
		u := &unit{id: fmt.Sprintf("%s-%d", prefix, k+1), workload: s, created: w.now, ready: w.now}
		u.on = w.place(u.id)
		w.put(u)
	}
	return nil
}
