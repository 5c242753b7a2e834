package main

import "context"

func faultServer(context.Context) int { return 1 }
