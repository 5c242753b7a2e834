package storetest

import (
	"math"
	"reflect"
)

// equal fails the test if got is not what was wanted.
func (f *fixture) equal(got, want any) {
	f.Helper()
	if !same(reflect.ValueOf(got), reflect.ValueOf(want)) {
		f.Fatalf("\n got %+v\nwant %+v", got, want)
	}
}

// same is reflect.DeepEqual, but an empty list or map is as good as none, and
// NaN is the same as NaN. Times have to be in UTC and without a monotonic part
// to be the same.
func same(a, b reflect.Value) bool {
	if !a.IsValid() || !b.IsValid() {
		return a.IsValid() == b.IsValid()
	}
	if a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Float64, reflect.Float32:
		return a.Float() == b.Float() || math.IsNaN(a.Float()) && math.IsNaN(b.Float())
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Map:
		if a.Len() != b.Len() {
			return false
		}
		for _, k := range a.MapKeys() {
			if v := b.MapIndex(k); !v.IsValid() || !same(a.MapIndex(k), v) {
				return false
			}
		}
		return true
	case reflect.Struct:
		if _, isTime := reflect.TypeAssert[interface{ IsZero() bool }](a); isTime {
			return reflect.DeepEqual(a.Interface(), b.Interface())
		}
		for i := range a.NumField() {
			if !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}
