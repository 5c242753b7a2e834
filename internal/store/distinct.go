package store

import "github.com/forescale/forescale"

// Distinct cuts a round into parts in which each service comes once: nearly
// always one. Stores write a part in few statements.
func Distinct(services []forescale.ServicePlan) (parts [][]forescale.ServicePlan) {
	seen := make(map[string]bool, len(services))
	from := 0
	for i, p := range services {
		if seen[p.Service] {
			parts = append(parts, services[from:i])
			from = i
			clear(seen)
		}
		seen[p.Service] = true
	}
	if from < len(services) {
		parts = append(parts, services[from:])
	}
	return parts
}
