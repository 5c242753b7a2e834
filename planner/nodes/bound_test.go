package nodes

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize/convex/lp"
)

// bound is Bound, with a look at whether its prices are allowed.
func bound(t testing.TB, st State) float64 {
	return boundOf(now, st, func(w *world, p prices) {
		for k := range w.typs {
			x := &w.typs[k]
			worth := 0.0
			for r, l := range p.lambda[k] {
				if l < 0 {
					t.Fatalf("a price of %g", l)
				}
				worth += l * float64(x.cap[r])
			}
			rent := p.cost[k] - math.Max(x.price, 0)
			if rent < -1e-9 || worth > (x.price+rent)*(1+1e-9) {
				t.Fatalf("prices of %s: worth %g, price %g, rent %g", x.in.Name, worth, x.price, rent)
			}
		}
	})
}

// exact is the optimum of the linear program, by gonum's simplex.
func exact(t *testing.T, types []Type, services []Service) float64 {
	T, S := len(types), len(services)
	// x_st, y_t, and what is left of cores and memory of each type.
	n, rows := S*T+T+2*T, S+2*T
	a := mat.NewDense(rows, n, nil)
	c, b := make([]float64, n), make([]float64, rows)
	for k, x := range types {
		c[S*T+k] = x.PricePerHour
		a.Set(S+2*k, S*T+k, -x.Cores)
		a.Set(S+2*k+1, S*T+k, -float64(x.Memory)/float64(gib))
		a.Set(S+2*k, S*T+T+2*k, 1)
		a.Set(S+2*k+1, S*T+T+2*k+1, 1)
	}
	for i, s := range services {
		b[i] = 1
		for k := range types {
			a.Set(i, i*T+k, 1)
			a.Set(S+2*k, i*T+k, s.Need.Cores*float64(s.Wanted[0].Count))
			a.Set(S+2*k+1, i*T+k, float64(s.Need.Memory)/float64(gib)*float64(s.Wanted[0].Count))
		}
	}
	f, _, err := lp.Simplex(c, a, b, 1e-9, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The bound is what the linear program comes to, within one in a hundred.
func TestTheBoundIsThatOfTheLinearProgram(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		types := []Type{size("cores", 16, 32, 0.68), size("both", 16, 64, 0.77), size("memory", 8, 64, 0.504)}
		services := someServices(20, 6, 0.7, seed)
		st := State{Types: types, Services: services}
		low, opt := bound(t, st), exact(t, types, services)
		t.Logf("bound %.4f, linear program %.4f", low, opt)
		if low > opt*(1+1e-6) || low < 0.99*opt {
			t.Errorf("seed %d: the bound is %g, the linear program comes to %g", seed, low, opt)
		}
	}
}

// someServices is n services of up to most instances of half a core and four
// times as much memory, more or less.
func someServices(n, most int, spread float64, seed uint64) []Service {
	g := rand.New(rand.NewPCG(seed, 1))
	ss := make([]Service, n)
	for i := range ss {
		cores := min(8, 0.5*math.Exp(spread*g.NormFloat64()))
		memory := min(30, cores*4*math.Exp(0.7*g.NormFloat64()))
		ss[i] = needs(fmt.Sprintf("s%05d", i), cores, memory, 1+g.IntN(most))
	}
	return ss
}

// onSale is the types of a public price list that use takes, or skips.
func onSale(t testing.TB, use func(name string, cores, memory float64) bool) (ts []Type) {
	folder := os.Getenv("FORESCALE_DATASETS")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "datasets")
	}
	f, err := os.Open(filepath.Join(folder, "instance_prices_aws.csv"))
	if err != nil {
		t.Skip("no instance_prices_aws.csv: set FORESCALE_DATASETS to the folder that holds it; see datasets/README.md")
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	number := func(s string) float64 {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, r := range rows[1:] {
		if c, m := number(r[3]), number(r[4]); use(r[2], c, m) {
			x := size(r[2], c, m, number(r[7]))
			x.MaxCount = 10_000
			ts = append(ts, x)
		}
	}
	return ts
}

// made is types as clouds sell them: three ratios, four sizes, the price by size.
func made() (ts []Type) {
	for _, f := range []struct {
		name   string
		memory float64
		price  float64
	}{{"c", 2, 0.0425}, {"m", 4, 0.048}, {"r", 8, 0.063}} {
		for _, c := range []float64{4, 8, 16, 32} {
			x := size(fmt.Sprintf("%s%g", f.name, c), c, c*f.memory, c*f.price)
			x.MaxCount = 10_000
			ts = append(ts, x)
		}
	}
	return ts
}

// ratio is the cost of the plan over the bound.
func ratio(t testing.TB, st State) (r float64, nodes int) {
	res := Decide(now, Options{Horizon: time.Minute}, st)
	if len(res.Unmet) > 0 {
		t.Fatalf("%d services have no place, the first: %+v", len(res.Unmet), res.Unmet[0])
	}
	return res.Cost.Planned / bound(t, st), len(res.Orders)
}

// The promise of a plan from nothing: at most 1.10 of the bound where there are
// enough nodes for rounding to matter little; the aim is 1.05.
func TestThePlanCostsLittleMoreThanTheBound(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long")
	}
	t.Parallel()
	sum, cases := 0.0, 0
	try := func(name string, st State) {
		r, n := ratio(t, st)
		t.Logf("%-50s %4d nodes, %.4f of the bound", name, n, r)
		sum, cases = sum+r, cases+1
		if r < 1-1e-9 || r > 1.10 {
			t.Errorf("%s: %.4f of the bound, want 1 to 1.10", name, r)
		}
	}
	for seed := range uint64(3) {
		for _, n := range []int{100, 300, 1000} {
			st := State{Types: made(), Services: someServices(n, 8, 0.7, seed)}
			try(fmt.Sprintf("random %d: %d services, all types", seed, n), st)
			st.Types = st.Types[6:7] // one type: nothing to choose
			try(fmt.Sprintf("random %d: %d services, one type", seed, n), st)
			st.Types = made()
			for k := range st.Types { // the cheapest of each kind run out
				st.Types[k].MaxCount = 2 + n/30
			}
			try(fmt.Sprintf("random %d: %d services, few of each type", seed, n), st)
		}
	}
	t.Logf("mean %.4f of %d cases", sum/float64(cases), cases)
	if mean := sum / float64(cases); mean > 1.05 {
		t.Errorf("on average %.4f of the bound, want at most 1.05", mean)
	}
}

// The same with types and prices of a cloud.
func TestThePlanCostsLittleMoreThanTheBoundAtListPrices(t *testing.T) {
	t.Parallel()
	all := onSale(t, func(string, float64, float64) bool { return true })
	big := onSale(t, func(_ string, c, _ float64) bool { return c >= 8 })
	for _, c := range []struct {
		name  string
		types []Type
		n     int
	}{{"all types, 100 services", all, 100}, {"all types, 300 services", all, 300}, {"eight cores and more, 1,000 services", big, 1000}} {
		r, n := ratio(t, State{Types: c.types, Services: someServices(c.n, 8, 0.7, 5)})
		t.Logf("%-50s %4d nodes, %.4f of the bound", c.name, n, r)
		if r < 1-1e-9 || r > 1.10 {
			t.Errorf("%s: %.4f of the bound, want 1 to 1.10", c.name, r)
		}
	}
}

// fleet is n services that run on as many nodes as they need, and their rises ahead.
func fleet(t testing.TB, n int) State {
	st := State{Types: made(), Services: someServices(n, 2, 0.7, 3)}
	st.Types = []Type{st.Types[7], st.Types[6]} // m32, m16
	for i := range st.Services {
		s := &st.Services[i]
		s.Need.Cores, s.Need.Memory = s.Need.Cores*0.4, s.Need.Memory*4/10
	}
	r := Decide(now, Options{}, st)
	st = carryOut(st, r, now)
	for i := range st.Services {
		s := &st.Services[i]
		k := s.Wanted[0].Count
		s.Wanted = []Want{{Count: k}, {now.Add(time.Duration(10+i%200) * time.Minute), k + 1}, {now.Add(time.Duration(60+i%180) * time.Minute), k}}
		if i%20 == 0 {
			s.Wanted[0].Count++
		}
	}
	return st
}

// Four times the fleet is not six times the work, though there are four times the
// nodes, too: no instance is held against all of them.
func TestTheWorkGrowsWithTheFleet(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long")
	}
	t.Parallel()
	few := Decide(now, Options{}, fleet(t, 4000)).Probes
	many := Decide(now, Options{}, fleet(t, 16_000)).Probes
	t.Logf("%d probes for 4,000 services, %d for 16,000: %.1f times", few, many, float64(many)/float64(few))
	if float64(many) > 6*float64(few) {
		t.Errorf("%d probes for 4,000 services, %d for 16,000", few, many)
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		st := fleet(b, n)
		b.Run(fmt.Sprintf("present/%d_services_%d_nodes", n, len(st.Nodes)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Decide(now, Options{}, st)
			}
		})
		empty := State{Types: st.Types, Services: st.Services}
		b.Run(fmt.Sprintf("from_nothing/%d_services", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Decide(now, Options{}, empty)
			}
		})
	}
}
