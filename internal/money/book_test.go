package money_test

import (
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
)

func TestMonthsEndAtTheMidnightOfTheirZone(t *testing.T) {
	for _, c := range []struct {
		zone  string
		month time.Month
		hours float64
	}{
		{"UTC", time.March, 744}, {"Europe/Berlin", time.March, 743}, {"Europe/Berlin", time.October, 745},
		{"Australia/Lord_Howe", time.October, 743.5}, {"America/New_York", time.November, 721}, {"Asia/Kolkata", time.February, 672},
	} {
		loc, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		m := money.MonthOf(time.Date(2026, c.month, 15, 0, 0, 0, 0, loc), loc)
		if h := m.End(loc).Sub(m.Begin(loc)).Hours(); h != c.hours {
			t.Errorf("%v in %s has %g hours, want %g", m, c.zone, h, c.hours)
		}
		if last := m.End(loc).Add(-time.Nanosecond); money.MonthOf(last, loc) != m || money.MonthOf(m.End(loc), loc) != m+1 {
			t.Errorf("%v in %s ends elsewhere", m, c.zone)
		}
	}
}

func TestNoticeCoversAnOutageAndTheStops(t *testing.T) {
	if d := money.Notice(1, 1, 10*time.Second, 30*time.Second); d != 11*time.Minute+10*time.Second {
		t.Errorf("without anything to stop it is %v", d)
	}
	if d := money.Notice(5, 1, 10*time.Second, 30*time.Second); d != 15*time.Minute+10*time.Second {
		t.Errorf("for four stops, one a minute, it is %v", d)
	}
	if d := money.Notice(5, 1, 0, 10*time.Minute); d != 70*time.Minute {
		t.Errorf("where planning is every ten minutes it is %v", d)
	}
}

func TestMoneyIsExact(t *testing.T) {
	for _, text := range []string{"0", "0.000001", "12.5", "-3", "1000000000000"} {
		if m, err := forescale.ParseMoney(text); err != nil || m.String() != text {
			t.Errorf("%s became %s, %v", text, m, err)
		}
	}
	for _, text := range []string{"", "1.", ".5", "1e3", "0.1234567", "1000000000001", "NaN", "--1", "1 0"} {
		if m, err := forescale.ParseMoney(text); err == nil {
			t.Errorf("%q was read as %s", text, m)
		}
	}
	if got := forescale.Money(1).For(time.Second); got != 1 {
		t.Errorf("a millionth an hour costs %d millionths for a second, want 1: rounded up", got)
	}
	if got := (10 * forescale.Unit).For(90 * time.Minute); got != 15*forescale.Unit {
		t.Errorf("10 an hour cost %s for 90 minutes", got)
	}
}
