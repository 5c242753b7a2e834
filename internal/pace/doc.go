// Package pace makes money last: what a month will cost, how far the objectives of
// services have to be lowered so that a budget pays for the whole of it, and what
// another budget would buy. It works from what the store holds and keeps nothing but
// what can be read again.
//
// What a service will need is laid out by the hour until the month's end: as its
// forecasts say, and after them as in the same hour of the newest week that is known
// ([Course]). From that follows what each share of time in band costs at the least
// ([Curve]): each hour is planned for, closer to the median of demand or not, with so many
// instances at most or not that a part of it has room, or it is given up and four tenths
// of what it keeps are left. What brings the least time in band for its cost goes first,
// over all hours and plans; what lower plans cost and bring is learned from what they
// would have done of late. A budget that does not pay for the objectives of its services
// lowers those of least priority first, all of one priority alike ([Outlook.Paces]).
package pace
