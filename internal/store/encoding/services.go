package encoding

import (
	"encoding/json"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/forescale/forescale"
)

// servicesKept bounds the services whose decoded form is kept.
const servicesKept = 200_000

// Services decodes services and keeps what they said, as all of them are read in each
// round and few have changed. It is safe for concurrent use; the zero value is ready.
type Services struct {
	mu   sync.Mutex
	seed maphash.Seed
	by   map[string]decoded
}

// decoded is a service by the fingerprint of the text that it was read from: a text
// of another fingerprint is read anew. The text itself would weigh as much again.
type decoded struct {
	print uint64
	is    *forescale.Service
}

// Decode is the service of that name that the JSON text tells of. It is the caller's.
func (s *Services) Decode(name, text string) (forescale.Service, error) {
	s.mu.Lock()
	if s.by == nil {
		s.by, s.seed = map[string]decoded{}, maphash.MakeSeed()
	}
	print := maphash.String(s.seed, text)
	kept, there := s.by[name]
	s.mu.Unlock()
	if there && kept.print == print {
		return kept.is.Clone(), nil
	}
	var svc forescale.Service
	if err := json.Unmarshal([]byte(text), &svc); err != nil {
		return svc, err
	}
	s.keep(name, print, svc.Clone())
	return svc, nil
}

func (s *Services) keep(name string, print uint64, svc forescale.Service) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.by) >= servicesKept {
		clear(s.by)
	}
	if slices.Equal(svc.Band, forescale.DefaultBand()) {
		svc.Band = usualBand
	}
	s.by[name] = decoded{print, &svc}
}

// usualBand is shared by those that are kept: each who asks gets a copy.
var usualBand = forescale.DefaultBand()

// Forget drops a service that is gone.
func (s *Services) Forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, name)
}
