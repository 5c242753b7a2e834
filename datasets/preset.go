package datasets

import "time"

// Preset is a pattern that is known by name.
type Preset struct {
	Name  string
	About string
	Make  func(seed uint64, peak float64, zone *time.Location) Pattern
}

// Presets are the kinds of services that loads are made for, each with what usually
// happens to it.
func Presets() []Preset {
	return []Preset{
		{"shop", "a shop: mornings rise steeply, lunch dips, evenings peak once more; holidays are half as busy", shop},
		{"office", "business hours: nothing but them, early home on Fridays, dead weekends and holidays", office},
		{"batch", "batch at night: a long job from one o'clock on, a short one at each full hour", batch},
		{"events", "spiky events: evenings of leisure, and bursts of up to six times the load", events},
		{"flat", "the same at any time, with noise", flat},
	}
}

// PresetOf is the preset of that name.
func PresetOf(name string) (Preset, bool) {
	for _, p := range Presets() {
		if p.Name == name {
			return p, true
		}
	}
	return Preset{}, false
}

func shop(seed uint64, peak float64, zone *time.Location) Pattern {
	return Pattern{Seed: seed, Zone: zone, Shape: ShopHours, Night: 0.09 * peak, Peak: peak, Weekend: 0.5,
		Trend: 0.3, Daily: 0.03, Drift: 0.03, Counting: 1, Holiday: 0.5, Bursts: 2, Shifts: 6, ShiftSize: 0.15, Outages: 6, Gaps: 6}
}

func office(seed uint64, peak float64, zone *time.Location) Pattern {
	return Pattern{Seed: seed, Zone: zone, Shape: OfficeHours, Night: 0.02 * peak, Peak: peak, Weekend: 0.06,
		Trend: 0.1, Daily: 0.04, Drift: 0.05, Jitter: 0.03, Counting: 1, Holiday: 0.08, Bursts: 0.5, Shifts: 12, Outages: 4, Gaps: 12}
}

func batch(seed uint64, peak float64, zone *time.Location) Pattern {
	return Pattern{Seed: seed, Zone: zone, Shape: NightJobs, Night: 0.02 * peak, Peak: peak, Weekend: 1,
		Trend: 0.5, Daily: 0.08, Drift: 0.02, Jitter: 0.05, Counting: 1, Shifts: 4, ShiftSize: 0.25, Outages: 3, Gaps: 6}
}

func events(seed uint64, peak float64, zone *time.Location) Pattern {
	return Pattern{Seed: seed, Zone: zone, Shape: Evenings, Night: 0.06 * peak, Peak: peak, Weekend: 1.3,
		Daily: 0.06, Drift: 0.06, Jitter: 0.05, Counting: 2, Holiday: 1.3, Bursts: 3, Height: 5, Length: 3 * time.Hour, Shifts: 6, Outages: 6, Gaps: 6}
}

func flat(seed uint64, peak float64, zone *time.Location) Pattern {
	return Pattern{Seed: seed, Zone: zone, Shape: Steady, Night: peak, Peak: peak, Weekend: 1,
		Daily: 0.02, Drift: 0.02, Jitter: 0.02, Counting: 1, Outages: 6, Gaps: 6}
}
