package engine

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMeet(t *testing.T) {
	for _, c := range []struct {
		what   string
		roster Roster
		slots  []int
		wanted int
		want   Roster
	}{
		{"what ran before is named after its slots", nil, []int{2, 1}, 2, Roster{{ID: "web.1", Slot: 1}, {ID: "web.2", Slot: 2}}},
		{"an order waits for its task", Roster{{ID: "a"}}, nil, 1, Roster{{ID: "a", Waits: true}}},
		{"an order gets the slot that nobody has", Roster{{ID: "web.1", Slot: 1}, {ID: "a"}}, []int{1, 2}, 2, Roster{{ID: "web.1", Slot: 1}, {ID: "a", Slot: 2}}},
		{"another one went than was stopped", Roster{{ID: "a", Slot: 1}, {ID: "b", Slot: 3}}, []int{1, 2}, 2, Roster{{ID: "a", Slot: 1}, {ID: "b", Slot: 2}}},
		{"what the swarm will take away is nobody's", Roster{{ID: "a", Slot: 1}, {ID: "b", Slot: 3}}, []int{1, 2, 3}, 2, Roster{{ID: "a", Slot: 1}, {ID: "b", Slot: 3}}},
		{"somebody took replicas away", Roster{{ID: "a", Slot: 1}, {ID: "b", Slot: 2}}, []int{1}, 1, Roster{{ID: "a", Slot: 1}, {ID: "b"}}},
		{"somebody added one", Roster{{ID: "a", Slot: 1}}, []int{1, 2}, 2, Roster{{ID: "a", Slot: 1}, {ID: "web.2", Slot: 2}}},
		{"a name that is taken", Roster{{ID: "web.2", Slot: 1}}, []int{1, 2}, 2, Roster{{ID: "web.2", Slot: 1}, {ID: "web.2.2", Slot: 2}}},
	} {
		if got := c.roster.Meet("web", c.slots, c.wanted); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

// TestMeetWhateverHappens orders, stops and lets the swarm choose, with somebody else
// at the number now and then.
func TestMeetWhateverHappens(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var roster Roster
		slots, wanted, n := []int{1}, 1, 0
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			before := roster.Meet("web", slots, wanted)
			switch rapid.IntRange(0, 4).Draw(r, "what") {
			case 0: // order
				n++
				roster, wanted = append(before, Member{ID: fmt.Sprint("i", n)}), wanted+1
			case 1: // stop
				if k := rapid.IntRange(0, len(before)).Draw(r, "which"); k < len(before) {
					if before[k].There() && before.There() <= wanted {
						wanted--
					}
					roster = slices.Delete(slices.Clone(before), k, k+1)
				}
			case 2: // the swarm adds a task or takes one away
				if len(slots) < wanted {
					s := 1
					for slices.Contains(slots, s) {
						s++
					}
					slots = append(slots, s)
				} else if len(slots) > wanted {
					k := rapid.IntRange(0, len(slots)-1).Draw(r, "goes")
					slots = slices.Delete(slices.Clone(slots), k, k+1)
				}
			case 3: // somebody else
				wanted = rapid.IntRange(0, 8).Draw(r, "by hand")
			case 4: // the label is read back
				again, err := ParseRoster(roster.String())
				if err != nil {
					r.Fatal(err)
				}
				roster = again
			}
			met := roster.Meet("web", slots, wanted)
			ids, used := map[string]bool{}, map[int]bool{}
			for _, m := range met {
				if ids[m.ID] || m.Slot != 0 && (used[m.Slot] || !slices.Contains(slots, m.Slot)) {
					r.Fatalf("slots %v, wanted %d: %v has one twice, or one that is not there", slots, wanted, met)
				}
				ids[m.ID], used[m.Slot] = true, true
			}
			for _, m := range before {
				if k := met.Index(m.ID); m.Slot != 0 && slices.Contains(slots, m.Slot) && k >= 0 && roster.Index(m.ID) >= 0 && roster[roster.Index(m.ID)].Slot == m.Slot && met[k].Slot != m.Slot {
					r.Fatalf("%s had slot %d, which is there, and has %d now", m.ID, m.Slot, met[k].Slot)
				}
			}
			if most := max(wanted, len(slots)); met.There() > most || wanted < 0 {
				r.Fatalf("slots %v, wanted %d: %v are more", slots, wanted, met)
			}
			if again := met.Meet("web", slots, wanted); !slices.Equal(again, met) {
				r.Fatalf("slots %v, wanted %d: met again %v becomes %v", slots, wanted, met, again)
			}
		}
	})
}

func FuzzParseRoster(f *testing.F) {
	f.Add("a=1 b=0")
	f.Add("a==1 =3 x")
	f.Fuzz(func(t *testing.T, label string) {
		r, err := ParseRoster(label)
		if err != nil {
			return
		}
		again, err := ParseRoster(r.String())
		if err != nil || !slices.Equal(r, again) {
			t.Errorf("%q: %v, written and read %v: %v", label, r, again, err)
		}
	})
}
