package warmup

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// boots are measured boots of a node type, one an hour, of a length that how decides.
func boots(n int, how func(b *forescale.Boot, r *rand.Rand) time.Duration) []forescale.Boot {
	r := rand.New(rand.NewPCG(3, 4))
	bs := make([]forescale.Boot, n)
	for i := range bs {
		bs[i] = forescale.Boot{Node: fmt.Sprint("n-", i), Type: "large", At: now.Add(time.Duration(i-n) * time.Hour), AtOnce: 1 + r.IntN(4), Running: r.IntN(10)}
		bs[i].Duration = how(&bs[i], r)
	}
	return bs
}

func ofType(t *testing.T, nt forescale.NodeType, bs []forescale.Boot) forescale.LearnedTimes {
	t.Helper()
	l, err := OfNodeType(nt, now, bs)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestBootsOfANodeTypeAreLearnedByWhatTheyDependOn(t *testing.T) {
	t.Parallel()
	large := forescale.NodeType{Name: "large", BootTime: 3 * time.Minute}
	bs := boots(300, func(b *forescale.Boot, r *rand.Rand) time.Duration {
		return jitter(r, time.Duration(60+60*(b.AtOnce/3))*time.Second)
	})
	slow := boots(100, func(b *forescale.Boot, _ *rand.Rand) time.Duration { b.Type = "small"; return time.Hour })
	l := ofType(t, large, append(slow, bs...))
	if l.Measured != 300 || l.Kind != forescale.LapseBoot || l.Service != "large" || l.Longest > 3*time.Minute {
		t.Fatalf("learned %+v, want the 300 boots of its own type", l)
	}
	few, many := l.Quantile(forescale.LapseContext{AtOnce: 1, Running: 5, Hour: 12}, 0.9), l.Quantile(forescale.LapseContext{AtOnce: 4, Running: 5, Hour: 12}, 0.9)
	if few < 58*time.Second || few > 72*time.Second || many < 110*time.Second || many > 135*time.Second {
		t.Errorf("9 of 10 boots take %v alone and %v with three others, want about 65 s and 130 s", few, many)
	}
	slices.Reverse(bs)
	if again := ofType(t, large, bs); !reflect.DeepEqual(again, l) {
		t.Errorf("in another order: %+v, then %+v", l, again)
	}
}

func TestFewBootsLeanOnWhatIsDeclared(t *testing.T) {
	t.Parallel()
	large := forescale.NodeType{Name: "large", BootTime: 180 * time.Second}
	same := func(*forescale.Boot, *rand.Rand) time.Duration { return 60 * time.Second }
	c := forescale.LapseContext{AtOnce: 1}
	for n, want := range map[int]time.Duration{
		0:   180 * time.Second,
		5:   120 * time.Second, // (5·60 + 5·180) / 10
		15:  90 * time.Second,  // (15·60 + 5·180) / 20
		395: 61500 * time.Millisecond,
	} {
		l := ofType(t, large, boots(n, same))
		for _, q := range []float64{0.5, 0.9, 0.99} {
			if got := BootTime(large, l, c, q); got != want {
				t.Errorf("of %d boots, quantile %g: %v, want %v", n, q, got, want)
			}
		}
	}
	if got := BootTime(forescale.NodeType{Name: "large"}, ofType(t, large, boots(5, same)), c, 0.9); got != 60*time.Second {
		t.Errorf("with nothing declared: %v, want what was measured", got)
	}
	odd := boots(4, same)
	odd[0].Duration, odd[1].Duration, odd[2].Duration = 0, -time.Second, 25*time.Hour
	if l := ofType(t, large, odd); l.Measured != 1 {
		t.Errorf("what cannot be was learned from: %+v", l)
	}
}

// As many nodes start, and run, beside one another as the trace tells: the quantiles
// are at least 15 % better than those of the node type alone.
func TestBootTimesOfNodeTypesBeatThePlainQuantile(t *testing.T) {
	t.Parallel()
	types := map[string][]forescale.Boot{}
	for _, r := range trace(t, "vm_boot_times.csv.gz") {
		name := r[0] + " " + r[1]
		types[name] = append(types[name], forescale.Boot{Node: fmt.Sprint(len(types[name])), Type: name, AtOnce: int(number(t, r[3]) + number(t, r[5])), Running: int(number(t, r[4])),
			Duration: time.Duration(number(t, r[6]) * float64(time.Second))})
	}
	var ours, yardstick pinball
	for _, name := range slices.Sorted(maps.Keys(types)) {
		bs := slices.Clone(types[name])
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(bs), func(i, j int) { bs[i], bs[j] = bs[j], bs[i] }) // the file is sorted by condition
		cut := len(bs) * 7 / 10
		learned := bs[max(0, cut-MostTimes):cut]
		var took []time.Duration
		for i := range learned {
			learned[i].At = now.Add(time.Duration(i-len(learned)) * time.Hour)
			took = append(took, learned[i].Duration)
		}
		nt := forescale.NodeType{Name: name, BootTime: plain(took, 0.5)}
		l := ofType(t, nt, learned)
		for _, b := range bs[cut:] {
			ours.add(b.Duration, func(q float64) time.Duration {
				return BootTime(nt, l, forescale.LapseContext{AtOnce: b.AtOnce, Running: b.Running, Hour: forescale.HourOfDay(now)}, q)
			})
			yardstick.add(b.Duration, func(q float64) time.Duration { return plain(took, q) })
		}
	}
	for k, level := range scored {
		ratio := ours.sum[k] / yardstick.sum[k]
		t.Logf("P%g: ratio %.3f", 100*level, ratio)
		if ratio > 0.85 {
			t.Errorf("P%g: the loss is %.2f of the plain quantile's, want at most 0.85", 100*level, ratio)
		}
	}
}
