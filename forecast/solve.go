package forecast

import "math"

// solve solves (G + diag(ridge_j·G_jj + floor))·x = v for a symmetric G, row by
// row in n×n, of which the lower triangle is read, into x. chol is n×n work
// space. A direction that carries nothing gets 0.
func solve(g, v []float64, n int, ridge []float64, chol, x []float64) {
	for i := 0; i < n; i++ {
		row := chol[i*n : i*n+i+1]
		for j := 0; j <= i; j++ {
			s := g[i*n+j]
			if i == j {
				s += ridge[i]*s + 1e-12
			}
			other := chol[j*n : j*n+j+1]
			for k := 0; k < j; k++ {
				s -= row[k] * other[k]
			}
			if i == j {
				row[j] = math.Sqrt(max(s, 1e-14))
			} else {
				row[j] = s / other[j]
			}
		}
	}
	for i := 0; i < n; i++ {
		s := v[i]
		for k := 0; k < i; k++ {
			s -= chol[i*n+k] * x[k]
		}
		x[i] = s / chol[i*n+i]
	}
	for i := n - 1; i >= 0; i-- {
		s := x[i]
		for k := i + 1; k < n; k++ {
			s -= chol[k*n+i] * x[k]
		}
		x[i] = s / chol[i*n+i]
	}
}
