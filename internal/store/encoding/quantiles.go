package encoding

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
)

// A forecast's quantiles are kept as one blob:
//
//	byte 0       form: 1 plain, 2 compressed
//	uvarint      number of levels
//	uvarint      number of steps
//	8 bytes each levels, float64, little endian
//	rest         values as float32, each as the difference of its bits to those
//	             of the same level one step before, folded; first the lowest
//	             bytes of all values, then the second lowest … ; in form 2
//	             packed with DEFLATE
//
// float32 keeps seven digits of a demand, far more than any forecast knows.
// Neighbouring steps differ little, so most high bytes are zero and, side by
// side, pack well: a smooth day ahead takes 60 % of its plain size.
const (
	formPlain  = 1
	formPacked = 2
)

// Bounds of a blob that is believed: what is beyond them is damage, and would
// ask for more memory than there is.
const (
	maxLevels = 1 << 10
	maxValues = 1 << 20

	bestPacking = 1032 // DEFLATE makes nothing smaller than by this factor
)

var errBlob = errors.New("not a blob of quantiles")

// packers and unpackers are kept: a new one weighs a megabyte, or 40 KB.
var packers = sync.Pool{New: func() any {
	w, err := flate.NewWriter(io.Discard, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

var unpackers = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// CheckQuantiles returns an error for levels and values [step][level] that cannot be kept.
func CheckQuantiles(levels []float64, values [][]float64) error {
	if len(levels) == 0 || len(levels) > maxLevels || len(values)*len(levels) > maxValues {
		return fmt.Errorf("a forecast of %d steps and %d levels cannot be kept", len(values), len(levels))
	}
	for step, row := range values {
		if len(row) != len(levels) {
			return fmt.Errorf("step %d of the forecast has %d values for %d levels", step, len(row), len(levels))
		}
	}
	return nil
}

// EncodeQuantiles writes levels and values [step][level] as a blob.
func EncodeQuantiles(levels []float64, values [][]float64) ([]byte, error) {
	if err := CheckQuantiles(levels, values); err != nil {
		return nil, err
	}
	n := len(values) * len(levels)
	head := make([]byte, 0, 16+8*len(levels))
	head = append(head, formPlain)
	head = binary.AppendUvarint(head, uint64(len(levels)))
	head = binary.AppendUvarint(head, uint64(len(values)))
	for _, q := range levels {
		head = binary.LittleEndian.AppendUint64(head, math.Float64bits(q))
	}
	planes := make([]byte, 4*n)
	i := 0
	before := make([]uint32, len(levels)) // bits of the step before
	for _, row := range values {
		for k, v := range row {
			bits := math.Float32bits(float32(v))
			b := fold(bits - before[k])
			before[k] = bits
			planes[i], planes[n+i], planes[2*n+i], planes[3*n+i] = byte(b), byte(b>>8), byte(b>>16), byte(b>>24)
			i++
		}
	}
	if packed := pack(planes); len(packed) < len(planes)-len(planes)/8 { // an eighth less pays for unpacking
		head[0] = formPacked
		planes = packed
	}
	return append(head, planes...), nil
}

// fold maps a difference of either sign to a number that is small if it is
// small: 0, -1, 1, -2 … become 0, 1, 2, 3 …
func fold(d uint32) uint32 { return d<<1 ^ uint32(int32(d)>>31) }

func unfold(z uint32) uint32 { return z>>1 ^ -(z & 1) }

func pack(b []byte) []byte {
	var out bytes.Buffer
	w := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	w.Reset(&out)
	for plane := range slices.Chunk(b, max(1, len(b)/4)) {
		w.Write(plane) // a buffer takes everything
		w.Flush()      // so that a plane of noise is stored as it is, and read back fast
	}
	w.Close()
	return out.Bytes()
}

// DecodeQuantiles reads a blob. Its values share one array.
func DecodeQuantiles(blob []byte) (levels []float64, values [][]float64, err error) {
	if len(blob) == 0 {
		return nil, nil, errBlob
	}
	form, rest := blob[0], blob[1:]
	k, a := binary.Uvarint(rest)
	if a <= 0 {
		return nil, nil, errBlob
	}
	steps, b := binary.Uvarint(rest[a:])
	if b <= 0 || k == 0 || k > maxLevels || steps > maxValues/k {
		return nil, nil, errBlob
	}
	rest = rest[a+b:]
	if uint64(len(rest)) < 8*k {
		return nil, nil, errBlob
	}
	levels = make([]float64, k)
	for i := range levels {
		levels[i] = math.Float64frombits(binary.LittleEndian.Uint64(rest[8*i:]))
	}
	n := int(steps * k)
	planes, err := unpack(form, rest[8*k:], 4*n)
	if err != nil {
		return nil, nil, err
	}
	all := make([]float64, n)
	before := make([]uint32, k)
	for i := range all {
		b := uint32(planes[i]) | uint32(planes[n+i])<<8 | uint32(planes[2*n+i])<<16 | uint32(planes[3*n+i])<<24
		before[i%int(k)] += unfold(b)
		all[i] = float64(math.Float32frombits(before[i%int(k)]))
	}
	values = make([][]float64, steps)
	for i := range values {
		values[i] = all[i*int(k) : (i+1)*int(k) : (i+1)*int(k)]
	}
	return levels, values, nil
}

// unpack gives exactly size bytes.
func unpack(form byte, b []byte, size int) ([]byte, error) {
	switch form {
	case formPlain:
		if len(b) != size {
			return nil, errBlob
		}
		return b, nil
	case formPacked:
		if size > len(b)*bestPacking {
			return nil, errBlob
		}
		r := unpackers.Get().(io.ReadCloser)
		defer unpackers.Put(r)
		if err := r.(flate.Resetter).Reset(bytes.NewReader(b), nil); err != nil {
			return nil, fmt.Errorf("%w: %w", errBlob, err)
		}
		out := make([]byte, size)
		if _, err := io.ReadFull(r, out); err != nil {
			return nil, fmt.Errorf("%w: %w", errBlob, err)
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			return nil, errBlob
		}
		return out, nil
	}
	return nil, errBlob
}
