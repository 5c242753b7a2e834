package forescale

// Choice tells, for a range of lead times, which models a forecast was mixed from
// and how each did in the back-test.
type Choice struct {
	From, To int     // lead times in steps, both included; the first step ahead is 1
	Tested   int     // truths that the errors are means of; 0: not tested
	Shares   []Share // by falling weight; the naive forecasts are in even without weight
}

// Share is one model's part in a forecast.
type Share struct {
	Model  string
	Weight float64 // from 0 to 1; those of a choice add up to 1, or less by what is too small to name
	Error  float64 // mean absolute error in the back-test, in busy instances
}
