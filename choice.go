package forescale

// Choice tells, for a range of lead times, which models a forecast was mixed from
// and how each did in the back-test.
type Choice struct {
	From   int     `json:"from"`   // lead times in steps, From and To included; the first step ahead is 1
	To     int     `json:"to"`     //
	Tested int     `json:"tested"` // truths that the errors are means of; 0: not tested
	Shares []Share `json:"shares"` // by falling weight; the naive forecasts are in even without weight
}

// Share is one model's part in a forecast.
type Share struct {
	Model  string  `json:"model"`
	Weight float64 `json:"weight"` // from 0 to 1; those of a choice add up to 1, or less by what is too small to name
	Error  float64 `json:"error"`  // mean absolute error in the back-test, in busy instances; 0: none, or not known
}
