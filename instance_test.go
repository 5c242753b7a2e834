package forescale_test

import (
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestSupply(t *testing.T) {
	tests := []struct {
		name string
		i    forescale.Instance
		want bool
	}{
		{"ready counts", forescale.Instance{State: forescale.InstanceReady}, true},
		{"ready counts whatever its deadline was", forescale.Instance{State: forescale.InstanceReady, Deadline: noon.Add(-time.Hour)}, true},
		{"starting counts until its deadline", forescale.Instance{State: forescale.InstanceStarting, Deadline: noon.Add(1)}, true},
		{"starting does not count from its deadline on", forescale.Instance{State: forescale.InstanceStarting, Deadline: noon}, false},
		{"starting without a deadline counts", forescale.Instance{State: forescale.InstanceStarting}, true},
		{"draining does not count", forescale.Instance{State: forescale.InstanceDraining}, false},
		{"stopped does not count", forescale.Instance{State: forescale.InstanceStopped}, false},
		{"failed does not count", forescale.Instance{State: forescale.InstanceFailed}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.i.Supply(noon); got != tt.want {
				t.Errorf("%t, want %t", got, tt.want)
			}
		})
	}
}

func TestReadyDuring(t *testing.T) {
	at := func(m int) time.Time { return noon.Add(time.Duration(m) * time.Minute) }
	tests := []struct {
		name string
		i    forescale.Instance
		at   int
		want bool
	}{
		{"one that never was ready was not", forescale.Instance{}, 5, false},
		{"not before it was ready", forescale.Instance{ReadyAt: at(6)}, 5, false},
		{"from then on", forescale.Instance{ReadyAt: at(5)}, 5, true},
		{"not from draining on", forescale.Instance{ReadyAt: at(1), DrainingAt: at(5)}, 5, false},
		{"until draining", forescale.Instance{ReadyAt: at(1), DrainingAt: at(6)}, 5, true},
		{"not from its end on", forescale.Instance{ReadyAt: at(1), StoppedAt: at(5)}, 5, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.i.ReadyDuring(at(tt.at)); got != tt.want {
				t.Errorf("%t, want %t", got, tt.want)
			}
		})
	}
}

func TestLive(t *testing.T) {
	for s, want := range map[forescale.InstanceState]bool{
		forescale.InstanceStarting: true, forescale.InstanceReady: true, forescale.InstanceDraining: true,
		forescale.InstanceStopped: false, forescale.InstanceFailed: false, "": false,
	} {
		if got := s.Live(); got != want {
			t.Errorf("%q live is %t", s, got)
		}
	}
}
