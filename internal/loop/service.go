package loop

import (
	"reflect"
	"time"

	"github.com/forescale/forescale"
)

// sameService reports whether two registrations say the same, whatever their
// version and time of writing.
func sameService(a, b forescale.Service) bool {
	a, b = a.WithDefaults(), b.WithDefaults()
	a.Version, b.Version = 0, 0
	a.UpdatedAt, b.UpdatedAt = time.Time{}, time.Time{}
	return reflect.DeepEqual(a, b)
}
