package loop_test

import (
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// env asks an instance for a variable of its environment.
func (b *engineBench) env(i forescale.Instance, name string) string {
	b.Helper()
	resp, err := http.Get("http://" + i.Address + "/env?name=" + name)
	b.must(err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	b.must(err)
	return string(text)
}

// apply changes the template, as a request does.
func (b *engineBench) apply(change func(*forescale.Template)) {
	b.Helper()
	s := b.svc.Clone()
	change(&s.Template)
	b.must(s.Validate())
	var err error
	b.svc, err = b.store.PutService(b.Context(), s, s.Version)
	b.must(err)
}

func (b *engineBench) rollout() *forescale.Rollout {
	b.Helper()
	plans, err := b.store.LatestPlans(b.Context(), b.svc.Name)
	b.must(err)
	return plans[0].Rollout
}

func rolledOnEngine(t *testing.T, name string) *engineBench {
	b := onEngine(t, name, func(s *forescale.Service) {
		s.Template.Env = map[string]string{"GREETING": "one"}
		s.Rollout.Settle = 20 * time.Second
	})
	b.until("two serve, and their template is known as good", func(_ forescale.Decision, is []forescale.Instance) bool {
		return len(serving(is)) == 2 && b.rollout().State == forescale.RolloutDone
	})
	return b
}

func TestAChangedTemplateIsRolledOutOnTheEngine(t *testing.T) {
	t.Parallel()
	b := rolledOnEngine(t, "rolled")
	b.apply(func(t *forescale.Template) {
		t.Env = map[string]string{"GREETING": "two", "PORT": "8081"}
		t.Port = 8081 // the old ones go on to be asked at the old port
	})
	b.until("all follow", func(_ forescale.Decision, is []forescale.Instance) bool {
		ready := serving(is)
		if len(ready) < 2 {
			t.Fatalf("%d serve on the way", len(ready))
		}
		return b.rollout().State == forescale.RolloutDone && b.rollout().Revision == b.svc.Template.Revision()
	})
	is, err := b.store.Instances(t.Context(), forescale.InstanceQuery{Service: b.svc.Name, Live: true})
	b.must(err)
	for _, i := range serving(is) {
		if got := b.env(i, "GREETING"); got != "two" {
			t.Errorf("%s says %q", i.ID, got)
		}
	}
}

func TestATemplateThatNeverBecomesReadyIsTakenBackOnTheEngine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  map[string]string
	}{
		{"as it never answers its probe", map[string]string{"GREETING": "two", "NEVER_READY": "1"}},
		{"as it exits at once", map[string]string{"GREETING": "two", "FAIL": "3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := rolledOnEngine(t, "back")
			before, err := b.store.Instances(t.Context(), forescale.InstanceQuery{Service: b.svc.Name, Live: true})
			b.must(err)
			b.apply(func(t *forescale.Template) {
				t.Env = c.env
				t.Startup = forescale.Probe{HTTP: "/ready", Period: time.Second, Failures: 3}
			})
			b.until("it is taken back", func(d forescale.Decision, is []forescale.Instance) bool {
				if n := len(serving(is)); n < 2 {
					t.Fatalf("%d serve on the way", n)
				}
				return says(d, forescale.CodeRolloutBack) && b.rollout().State == forescale.RolloutBack
			})
			b.until("only the last good ones are left", func(_ forescale.Decision, is []forescale.Instance) bool {
				return !slices.ContainsFunc(is, func(i forescale.Instance) bool {
					return i.State.Live() && i.Revision != b.rollout().GoodRevision
				})
			})
			is, err := b.store.Instances(t.Context(), forescale.InstanceQuery{Service: b.svc.Name, Live: true})
			b.must(err)
			for _, i := range before {
				if find(is, i.ID).State != forescale.InstanceReady {
					t.Errorf("%s was ended", i.ID)
				}
			}
		})
	}
}
