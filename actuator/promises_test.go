package actuator

import (
	"testing"

	"github.com/forescale/forescale"
)

// An adopted instance carries no decision, so its name alone does not make it
// ours: somebody else may have taken the name since.
func TestANameThatSomebodyElseTookIsLeftAlone(t *testing.T) {
	for name, labels := range map[string]map[string]string{
		"without labels":     {},
		"of another service": {forescale.LabelService: "other"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, DockerOptions{})
			b.instance.ID, b.instance.Decision = b.service.Name+"-web-1", ""
			foreign := b.example(b.instance.ID, labels, nil)
			wantCode(t, b.stop(), "not_ours")
			if j := b.inspect(foreign); !j.State.Running {
				t.Error("the foreign container was stopped")
			}
		})
	}
}
