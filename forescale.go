// Package forescale holds the words of the project: the types that every other
// package speaks, and nothing else. It imports the standard library only.
//
// A sample's way through the house, left to right and never back:
//
//	world → collector → store → forecast → planner → (decision recorded in the store) → actuator → world
//	                         ↘ api, dashboard and command line read the store only ↙
//
// The words:
//
//   - A [Service] is a registered workload: what to run, how many, how long it
//     takes to warm up, and how sure its capacity has to be.
//   - An [Instance] is one running copy of a service on a [Node].
//   - A [Sample] is one measurement of an instance, a node or a service.
//   - Demand is what is really asked for, in busy instances. It does not depend
//     on how many instances run. See [DemandPoint].
//   - A [Forecast] is demand at future times, as quantiles.
//   - Warm-up is the time from the start command until an instance is ready;
//     cool-down the time from drain to stopped. See [Warmup].
//   - A [Plan] is what is wanted for each step ahead; a [Decision] is what was
//     done now, why, and what came of it.
//
// All times are in UTC; all utilizations are percentages from 0 to 100; demand,
// and the forecasts of it, are in busy instances.
package forescale
