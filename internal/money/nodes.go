package money

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// AddNodes adds nodes that were ordered: each is booked as an instance of the account
// of its type. Types are those that can be ordered now; their prices hold. It comes
// before Charge.
func (b *Book) AddNodes(types []forescale.NodeType, lives []forescale.NodeLife) {
	accounts := map[string]forescale.Service{}
	account := func(nodeType string, price forescale.Money, step time.Duration) {
		accounts[nodeType] = forescale.Service{
			Name: forescale.NodeAccount(nodeType), Mode: forescale.ModeActive, Max: forescale.MaxInstances,
			PricePerHour: price, BillingStep: step, Cooldown: forescale.NodeGiveBack + forescale.NodeCommandTime,
			Priority: math.MaxInt, // services give way first: nodes are empty then
		}
	}
	for _, l := range lives {
		account(l.Type, l.Price, l.Step)
	}
	for _, t := range types {
		account(t.Name, forescale.Amount(t.PricePerHour), t.BillingStep)
	}
	for _, l := range lives {
		s := accounts[l.Type]
		if l.Kept && l.Live() && l.DrainingAt.IsZero() {
			s.Min++
		}
		accounts[l.Type] = s
		b.Instances = append(b.Instances, nodeInstance(l))
	}
	for _, name := range slices.Sorted(maps.Keys(accounts)) {
		if s := accounts[name]; s.PricePerHour > 0 {
			b.Services = append(b.Services, s)
		}
	}
}

// nodeInstance is a node as it is booked.
func nodeInstance(l forescale.NodeLife) forescale.Instance {
	i := forescale.Instance{ID: forescale.NodeBill(l.Node), Service: forescale.NodeAccount(l.Type), Origin: forescale.OriginStarted,
		State: forescale.InstanceReady, OrderedAt: l.OrderedAt, StoppedAt: l.EndedAt}
	switch {
	case !l.Live():
		i.State = forescale.InstanceStopped
	case !l.DrainingAt.IsZero():
		i.State = forescale.InstanceDraining
	}
	return i
}

// NodesSince is from when on nodes that ended are still to be booked: as instances are,
// and those whose bill is open.
func NodesSince(now time.Time, budgets []forescale.Budget, meters []Meter) time.Time {
	if since := Since(now, budgets, meters); !since.IsZero() {
		return since
	}
	return now.Add(-nodesBooked)
}

// nodesBooked is how long a node stays in the book after it ended; its bill is settled
// in the first round after.
const nodesBooked = 31 * 24 * time.Hour

// NodeRefusal tells why one more node of a type cannot be paid for, for as long as it is
// of use; nil if it can.
func (b *Book) NodeRefusal(nodeType string, now time.Time, interval time.Duration) *Refusal {
	s := b.service(forescale.NodeAccount(nodeType))
	if s.PricePerHour == 0 {
		return nil
	}
	return b.refuse(s, 1, now.Add(2*interval), max(stay, s.BillingStep))
}

// NodesMustGo tells why nodes of a type have to be given back: before the round after
// next more would be bound than a limit allows, and services cannot make up for it. Nil
// if they may stay.
func (b *Book) NodesMustGo(nodeType string, now time.Time, interval time.Duration) *Refusal {
	s := b.service(forescale.NodeAccount(nodeType))
	if s.PricePerHour == 0 {
		return nil
	}
	return b.must(s, now.Add(2*interval))
}

// recordOrders books nodes to order, those first that min needs. What cannot be paid for
// is left out, and noted in the plan of nodes.
func (b *Book) recordOrders(p forescale.Plan) forescale.Plan {
	if len(p.Orders) == 0 {
		return p
	}
	orders := slices.Clone(p.Orders)
	slices.SortStableFunc(orders, func(x, y forescale.NodeLife) int {
		return cmp.Compare(rankOf(x), rankOf(y))
	})
	p.Orders = nil
	for _, l := range orders {
		if r := b.startNode(l, p.At); r != nil {
			p.Nodes = Unpaid(p.Nodes, l.Type, *r)
			continue
		}
		p.Orders = append(p.Orders, l)
	}
	return p
}

func rankOf(l forescale.NodeLife) int {
	if l.Kept {
		return 0
	}
	return 1
}

// startNode books one order, or refuses it: then the book is as it was.
func (b *Book) startNode(l forescale.NodeLife, now time.Time) *Refusal {
	k, known := b.services[forescale.NodeAccount(l.Type)]
	if !known {
		return nil
	}
	if l.Kept {
		b.Services[k].Min++
		clear(b.accounts)
	}
	r := b.Start(b.Services[k].Name, []forescale.Instance{nodeInstance(l)}, now)
	if r != nil && l.Kept {
		b.Services[k].Min--
		clear(b.accounts)
	}
	return r
}

// Unpaid is a plan of nodes with the note that a budget does not pay for another node of
// a type. The plan that is handed in stays as it is.
func Unpaid(p *forescale.NodePlan, nodeType string, r Refusal) *forescale.NodePlan {
	if p == nil {
		return nil
	}
	noted := *p
	subject := "node_types/" + nodeType
	noted.Notes = slices.DeleteFunc(slices.Clone(p.Notes), func(n forescale.NodeNote) bool { return n.Subject == subject && n.Reason.Code == r.Code })
	noted.Notes = append(noted.Notes, forescale.NodeNote{Subject: subject, Reason: r.Reason(nil)})
	return &noted
}
