package planner

import (
	"hash/fnv"
	"strconv"
	"time"
)

// crockford is Crockford's base 32 in lower case: no i, l, o, u.
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// stamp is the 16 characters that name a decision: 9 of the time in
// milliseconds, so that they sort by time, and 7 of a hash of service and time,
// so that services that are planned in the same step differ.
func stamp(service string, at time.Time) string {
	h := fnv.New64a()
	h.Write([]byte(service))
	h.Write([]byte{0})
	h.Write(strconv.AppendInt(nil, at.UnixNano(), 10))
	sum := h.Sum64()

	var b [16]byte
	for i, v := 8, uint64(at.UnixMilli()); i >= 0; i, v = i-1, v>>5 {
		b[i] = crockford[v&31]
	}
	for i, v := 15, sum^sum>>32; i >= 9; i, v = i-1, v>>5 {
		b[i] = crockford[v&31]
	}
	return string(b[:])
}

// instanceID names the instance that is start number ordinal, from 1, of the
// decision with this stamp. The engine refuses the same name a second time, so
// no decision is carried out twice.
func instanceID(service, stamp string, ordinal int) string {
	return service + "-" + stamp + "-" + strconv.Itoa(ordinal)
}
