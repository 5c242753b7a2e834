package forecast

import "math"

// packed are the fits of bands in half of the room: what a service learned is kept
// in memory by the thousand. A forecast is made from what was packed even when it
// was learned just now, so that both are the same to the last bit. The errors of
// naive forecasts keep all their digits: what stands still is told exactly.
type packed struct {
	levels int
	flat   []float32 // [band][packedBand + levels]
	naive  []float64 // [band][speaker but own words][level]
}

// packedBand is the room of a band but for quantiles: from and to, the correction, its bounds,
// the spread and its bounds, the weights, and what the test found.
const packedBand = 2 + terms + (terms - termResidual) + spreads + 2 + speakers + 4 + speakers

func (k packed) band() int { return packedBand + k.levels }

func pack(bands []band, levels int) packed {
	k := packed{levels: levels, flat: make([]float32, 0, len(bands)*(packedBand+levels)), naive: make([]float64, 0, len(bands)*(speakers-1)*levels)}
	put := func(vs ...float64) {
		for _, v := range vs {
			k.flat = append(k.flat, halved(v))
		}
	}
	for _, b := range bands {
		f := b.fit
		put(float64(b.from), float64(b.to))
		put(f.coef[:]...)
		put(f.most[:]...)
		put(f.spread[:]...)
		put(f.lo, f.hi)
		put(f.weight[:]...)
		put(f.loss.own, f.loss.naive, f.loss.covered, float64(f.loss.n))
		put(f.loss.miss[:]...)
		put(f.quantiles...)
		for _, offsets := range f.naive[lastValue:] {
			for q := range levels {
				if offsets == nil {
					k.naive = append(k.naive, math.NaN())
				} else {
					k.naive = append(k.naive, offsets[q])
				}
			}
		}
	}
	return k
}

// halved is v in half of the room; what is too large for it is cut off.
func halved(v float64) float32 {
	return float32(min(max(v, -math.MaxFloat32), math.MaxFloat32)) // NaN stays NaN
}

func (k packed) unpack() []band {
	bands := make([]band, len(k.flat)/k.band())
	quantiles := make([]float64, len(bands)*k.levels)
	for i := range bands {
		from := k.flat[i*k.band():]
		take := func(into []float64) {
			for j := range into {
				into[j] = float64(from[j])
			}
			from = from[len(into):]
		}
		one := func() float64 {
			v := float64(from[0])
			from = from[1:]
			return v
		}
		b := newBand(int(one()), int(one()))
		f := &b.fit
		take(f.coef[:])
		take(f.most[:])
		take(f.spread[:])
		f.lo, f.hi = one(), one()
		take(f.weight[:])
		total := 0.0
		for _, w := range f.weight {
			total += w
		}
		for j := range f.weight {
			f.weight[j] /= total
		}
		f.loss.own, f.loss.naive, f.loss.covered, f.loss.n = one(), one(), one(), int(one())
		take(f.loss.miss[:])
		f.quantiles = quantiles[i*k.levels : (i+1)*k.levels : (i+1)*k.levels]
		take(f.quantiles)
		for j := lastValue; j < speakers; j++ {
			at := (i*(speakers-1) + j - lastValue) * k.levels
			if r := k.naive[at : at+k.levels : at+k.levels]; k.levels > 0 && !math.IsNaN(r[0]) {
				f.naive[j] = r
			}
		}
		bands[i] = b
	}
	return bands
}
