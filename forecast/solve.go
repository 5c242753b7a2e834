package forecast

import "math"

// solve solves (G + diag(ridge_j·G_jj + floor))·x = v for a symmetric G, row by
// row in n×n, of which the lower triangle is read, into x. chol is n×n work
// space. A direction that carries nothing gets 0.
func solve(g, v []float64, n int, ridge []float64, chol, x []float64) {
	for i := 0; i < n; i++ {
		row := chol[i*n : i*n+i+1]
		for j := 0; j < i; j++ {
			other := chol[j*n : j*n+j+1]
			row[j] = (g[i*n+j] - dot(row[:j], other[:j])) / other[j]
		}
		s := g[i*n+i]
		s += ridge[i]*s + 1e-12
		row[i] = math.Sqrt(max(s-dot(row[:i], row[:i]), 1e-14))
	}
	for i := 0; i < n; i++ {
		x[i] = (v[i] - dot(chol[i*n:i*n+i], x[:i])) / chol[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		x[i] /= chol[i*n+i]
		for k, c := range chol[i*n : i*n+i] {
			x[k] -= c * x[i]
		}
	}
}

// dot is the sum of products, in four sums that do not wait for each other.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	k := 0
	for ; k+4 <= len(a); k += 4 {
		x, y := a[k:k+4:k+4], b[k:k+4:k+4]
		s0 += x[0] * y[0]
		s1 += x[1] * y[1]
		s2 += x[2] * y[2]
		s3 += x[3] * y[3]
	}
	for ; k < len(a); k++ {
		s0 += a[k] * b[k]
	}
	return (s0 + s1) + (s2 + s3)
}
