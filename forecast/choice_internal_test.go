package forecast

import (
	"math"
	"reflect"
	"testing"

	"github.com/forescale/forescale"
)

func TestWhatIsNotKnownOfAChoiceIsZero(t *testing.T) {
	got := []forescale.Choice{{From: 1, To: 3, Tested: 9, Shares: []forescale.Share{
		{Model: "a", Weight: 0.5, Error: math.NaN()}, {Model: "b", Weight: math.NaN(), Error: 2}, {Model: "c", Weight: 0.25, Error: math.Inf(1)}}}}
	known(got)
	want := []forescale.Choice{{From: 1, To: 3, Tested: 9, Shares: []forescale.Share{{Model: "a", Weight: 0.5}, {Model: "b", Error: 2}, {Model: "c", Weight: 0.25}}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
