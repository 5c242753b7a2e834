// Package capacity learns what one instance serves at 100 % from how busy
// instances were under which load. It is pure: no I/O, no clock.
//
// Utilization is taken for a straight line over the load of one instance:
//
//	utilization = idle + cost · load        capacity = (100 − idle) / cost
//
// The line is fitted to medians of quarters of an hour: by Theil's incomplete
// method (H. Theil, A rank-invariant method of linear regression, 1950), which
// stands up to a quarter of the points being anything, and from there by an
// MM-estimate (V. Yohai, High breakdown-point and high efficiency robust estimates
// for regression, 1987) with Tukey's biweight, which gives what is far off no
// weight at all and loses little where nothing is. Least squares and Huber's
// weights are drawn by a batch job that eats cores without load, and by a load that
// was counted twice. All pairs (Theil–Sen) cost a hundred times more for the same.
package capacity
