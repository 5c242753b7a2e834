package forecast

// HolidaysOf is for tests.
var HolidaysOf = holidaysOf
