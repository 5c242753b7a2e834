package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/forescale/forescale"
)

func (f *fixture) append(samples ...forescale.Sample) {
	f.Helper()
	f.ok(f.Append(f.ctx, samples))
}

func (f *fixture) samples(q forescale.SampleQuery) []forescale.Sample {
	f.Helper()
	return must[[]forescale.Sample](f)(f.Samples(f.ctx, q))
}

// mixed is one sample of each kind of subject, in the order of Samples.
func mixed() []forescale.Sample {
	return []forescale.Sample{
		sample(instance("checkout", "checkout-1"), cpu, at(0), 40),
		sample(instance("checkout", "checkout-1"), util, at(0), 63.25),
		sample(instance("mailer", "mailer-1"), util, at(0), 0),
		sample(node("n-01"), disk, at(0), 100),
		sample(service("checkout"), load, at(0), 1e15),
		sample(instance("checkout", "checkout-1"), util, at(10), 64.5),
	}
}

var sampleCases = []testCase{
	{"samples come back as they were given, by time, subject and metric", func(f *fixture) {
		want := mixed()
		for i := len(want) - 1; i >= 0; i-- {
			f.append(want[i])
		}
		f.equal(f.samples(forescale.SampleQuery{}), want)
	}},
	{"no samples are no error", func(f *fixture) {
		f.ok(f.Append(f.ctx, nil))
		f.equal(f.samples(forescale.SampleQuery{}), []forescale.Sample{})
	}},
	{"times are kept in UTC to the millisecond", func(f *fixture) {
		t := monday.Add(1234567 * time.Nanosecond)
		f.append(sample(node("n"), cpu, t.In(time.FixedZone("CET", 3600)), 1))
		f.equal(f.samples(forescale.SampleQuery{})[0].Time, monday.Add(time.Millisecond))
		f.equal(len(f.samples(forescale.SampleQuery{From: t, To: t.Add(time.Millisecond)})), 1)
	}},
	{"times before 1970 are kept as well", func(f *fixture) {
		old := time.Date(1969, 12, 31, 23, 59, 59, 999e6, time.UTC)
		f.append(sample(instance("a", "a-1"), cpu, old, 1))
		f.equal(f.samples(forescale.SampleQuery{})[0].Time, old)
		f.equal(f.dirty(9), []forescale.Cell{{Service: "a", Time: old.Truncate(time.Minute)}})
	}},
	{"the same subject, metric and time is one row with the newest value", func(f *fixture) {
		f.append(mixed()...)
		f.append(mixed()...)
		f.equal(f.samples(forescale.SampleQuery{}), mixed())
		s := mixed()[0]
		s.Value = 41
		f.append(s)
		f.equal(f.samples(forescale.SampleQuery{})[0], s)
	}},
	{"of two samples of one row in one batch the later one counts", func(f *fixture) {
		a := sample(instance("a", "a-1"), cpu, at(0), 1)
		b, c := a, a
		b.Value, c.Value = 2, 3
		f.append(a, sample(node("n"), cpu, at(0), 9), b, sample(node("n"), cpu, at(1), 9), c)
		f.equal(f.samples(forescale.SampleQuery{Service: "a"}), []forescale.Sample{c})
	}},
	{"times that are the same to the millisecond are the same row", func(f *fixture) {
		f.append(sample(node("n"), cpu, at(0), 1), sample(node("n"), cpu, at(0).Add(999*time.Microsecond), 2))
		f.equal(f.samples(forescale.SampleQuery{}), []forescale.Sample{sample(node("n"), cpu, at(0), 2)})
	}},
	{"subjects that differ in one part only are different", func(f *fixture) {
		f.append(
			sample(instance("a", "x"), cpu, at(0), 1),
			sample(instance("b", "x"), cpu, at(0), 2),
			sample(node("x"), cpu, at(0), 3),
			sample(forescale.Subject{Kind: forescale.KindService, Name: "x", Service: "a"}, cpu, at(0), 4),
			sample(instance("a", "x"), util, at(0), 5))
		f.equal(len(f.samples(forescale.SampleQuery{})), 5)
	}},
	{"values keep every bit", func(f *fixture) {
		for i, v := range []float64{math.Pi, 0.1 + 0.2, math.SmallestNonzeroFloat64, math.MaxFloat64, 0} {
			f.append(sample(node("n"), cpu, at(float64(i)), v))
			f.equal(f.samples(forescale.SampleQuery{From: at(float64(i))})[0].Value, v)
		}
	}},
	{"a batch with a sample that cannot be kept has no effect at all", func(f *fixture) {
		f.append(sample(node("n"), cpu, at(0), 1))
		batch := append(mixed(), sample(instance("new", "new-1"), util, at(0), math.NaN()))
		if err := f.Append(f.ctx, batch); err == nil {
			f.Fatal("a sample without a value was accepted")
		}
		f.equal(len(f.samples(forescale.SampleQuery{})), 1)
		f.equal(f.dirty(9), []forescale.Cell{})
		f.append(mixed()...) // and what was met in the failed batch is not half-known
		f.equal(f.samples(forescale.SampleQuery{To: at(1), Service: "checkout"}), []forescale.Sample{mixed()[0], mixed()[1], mixed()[4]})
	}},
	{"a cancelled context has no effect", func(f *fixture) {
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		if err := f.Append(ctx, mixed()); !errors.Is(err, context.Canceled) {
			f.Fatalf("got %v", err)
		}
		f.equal(f.samples(forescale.SampleQuery{}), []forescale.Sample{})
	}},
	{"a large batch is one commit", func(f *fixture) {
		var batch []forescale.Sample
		for i := range 20_000 {
			batch = append(batch, sample(instance("a", fmt.Sprint("a-", i%37)), util, at(float64(i)), float64(i%100)))
		}
		f.append(batch...)
		got := f.samples(forescale.SampleQuery{})
		f.equal(got, batch)
	}},
	{"a query picks by kind, name, service and metric", func(f *fixture) {
		f.append(mixed()...)
		for _, c := range []struct {
			q    forescale.SampleQuery
			want []int // of mixed
		}{
			{forescale.SampleQuery{Kind: forescale.KindNode}, []int{3}},
			{forescale.SampleQuery{Kind: forescale.KindService}, []int{4}},
			{forescale.SampleQuery{Name: "checkout-1"}, []int{0, 1, 5}},
			{forescale.SampleQuery{Service: "checkout"}, []int{0, 1, 4, 5}},
			{forescale.SampleQuery{Service: "checkout", Kind: forescale.KindInstance, Metric: util}, []int{1, 5}},
			{forescale.SampleQuery{Metric: load}, []int{4}},
			{forescale.SampleQuery{Service: "nobody"}, nil},
		} {
			var want []forescale.Sample
			for _, i := range c.want {
				want = append(want, mixed()[i])
			}
			f.equal(f.samples(c.q), want)
		}
	}},
	{"From is inclusive and To is exclusive", func(f *fixture) {
		for i := range 5 {
			f.append(sample(node("n"), cpu, at(float64(i)), float64(i)))
		}
		got := f.samples(forescale.SampleQuery{From: at(1), To: at(3)})
		f.equal(got, []forescale.Sample{sample(node("n"), cpu, at(1), 1), sample(node("n"), cpu, at(2), 2)})
	}},
	{"beyond the limit the newest are dropped", func(f *fixture) {
		f.append(mixed()...)
		f.equal(f.samples(forescale.SampleQuery{Limit: 2}), mixed()[:2])
		f.equal(f.samples(forescale.SampleQuery{Limit: 100}), mixed())
	}},
	{"the newest sample of a service is that over its instances and itself", func(f *fixture) {
		f.append(
			sample(instance("a", "a-1"), cpu, at(1), 1),
			sample(instance("a", "a-2"), cpu, at(5), 1),
			sample(service("a"), load, at(3), 1),
			sample(instance("b", "b-1"), cpu, at(2), 1),
			sample(service("b"), load, at(9), 1),
			sample(node("a"), disk, at(7), 1),
			sample(node("a"), cpu, at(6), 1))
		got := must[map[string]time.Time](f)(f.LastSamples(f.ctx))
		f.equal(got, map[string]time.Time{"a": at(5), "b": at(9), "node/a": at(7)})
	}},
	{"a late sample does not make the newest one older", func(f *fixture) {
		f.append(sample(instance("a", "a-1"), cpu, at(60), 1))
		f.append(sample(instance("a", "a-1"), cpu, at(0), 1))
		f.equal(must[map[string]time.Time](f)(f.LastSamples(f.ctx)), map[string]time.Time{"a": at(60)})
	}},
	{"an empty store has no newest samples", func(f *fixture) {
		f.equal(must[map[string]time.Time](f)(f.LastSamples(f.ctx)), map[string]time.Time{})
	}},
	{"an import sets its progress with its samples", func(f *fixture) {
		progress := func(print string) int64 { return must[int64](f)(f.ImportProgress(f.ctx, print)) }
		f.equal(progress("file-a"), int64(0))
		f.ok(f.AppendImport(f.ctx, "file-a", 2, mixed()[:2]))
		f.ok(f.AppendImport(f.ctx, "file-b", 1, mixed()[2:3]))
		f.ok(f.AppendImport(f.ctx, "file-a", 5, mixed()[3:]))
		f.equal(progress("file-a"), int64(5))
		f.equal(progress("file-b"), int64(1))
		f.equal(f.samples(forescale.SampleQuery{}), mixed())
		f.equal(len(f.dirty(99)), 2)
		f.reopen()
		f.equal(progress("file-a"), int64(5))
	}},
	{"an import that fails leaves its progress", func(f *fixture) {
		f.ok(f.AppendImport(f.ctx, "file", 2, mixed()[:2]))
		if err := f.AppendImport(f.ctx, "file", 3, []forescale.Sample{sample(node("n"), cpu, at(0), math.NaN())}); err == nil {
			f.Fatal("a sample without a value was accepted")
		}
		f.equal(must[int64](f)(f.ImportProgress(f.ctx, "file")), int64(2))
		f.ok(f.AppendImport(f.ctx, "file", 7, nil)) // rows that were all refused still count
		f.equal(must[int64](f)(f.ImportProgress(f.ctx, "file")), int64(7))
	}},
}
