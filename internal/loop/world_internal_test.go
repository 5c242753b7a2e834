package loop

import (
	"fmt"
	"slices"
	"testing"

	"github.com/forescale/forescale"
)

// Who asks for the instances of a service is shown no others, whatever joined in
// between: going through all for each service takes the square of them.
func TestAServiceIsAskedOfItsOwnInstancesAlone(t *testing.T) {
	w := oneWorld(nil)
	for k := range 300 {
		w.add(forescale.Instance{ID: fmt.Sprintf("i-%d", k), Service: fmt.Sprintf("s-%d", k%100), State: forescale.InstanceReady})
	}
	w.put(forescale.Instance{ID: "i-7", Service: "s-7", State: forescale.InstanceDraining}) // is there
	w.put(forescale.Instance{ID: "new", Service: "s-7", State: forescale.InstanceStarting})
	var seen []string
	for i := range w.each("s-7") {
		seen = append(seen, i.ID)
	}
	var copied []string
	for _, i := range w.of("s-7") {
		copied = append(copied, i.ID)
	}
	if want := []string{"i-7", "i-107", "i-207", "new"}; !slices.Equal(seen, want) || !slices.Equal(copied, want) {
		t.Errorf("saw %v and %v, want %v", seen, copied, want)
	}
	if w.of("s-7")[0].State != forescale.InstanceDraining {
		t.Error("what was put in the place of an instance is not seen")
	}
	if len(w.of("nobody")) > 0 {
		t.Error("a service without instances has some")
	}
}
