package swing

import "math"

// stages counts the right-hand sides of a step; the last is the first of the next step.
const stages = 7

// Tableau of Tsitouras 5(4): stage j is at y + h sum_k stageWeights[j][k] k_k. The last row is the
// fifth-order value itself.
var stageWeights = [stages][]float64{
	{},
	{0.161},
	{-0.008480655492356989, 0.335480655492357},
	{2.8971530571054935, -6.359448489975075, 4.3622954328695815},
	{5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525},
	{5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383},
	{0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774},
}

// errorWeights are the fourth-order value less the fifth-order one.
var errorWeights = [stages]float64{
	-0.00178001105222577714, -0.0008164344596567469, 0.007880878010261995,
	-0.1447110071732629, 0.5823571654525552, -0.45808210592918697, 1.0 / 66,
}

// dense[j] are the coefficients of x, x^2, x^3, x^4 of stage j's weight in the interpolant
// y(t + xh) = y + h sum_j b_j(x) k_j.
var dense = [stages][4]float64{
	{1, -2.763706197274826, 2.9132554618219126, -1.0530884977290216},
	{0, 0.13169999999999998, -0.2234, 0.1017},
	{0, 3.9302962368947516, -5.941033872131505, 2.490627285651253},
	{0, -12.411077166933676, 30.33818863028232, -16.548102889244902},
	{0, 37.50931341651104, -88.1789048947664, 47.37952196281928},
	{0, -27.896526289197286, 65.09189467479366, -34.87065786149661},
	{0, 1.5, -4, 2.5},
}

// denseWeights are b_j(x), by Horner's rule.
func denseWeights(x float64) (b [stages]float64) {
	for j, d := range dense {
		v := d[3]
		for k := 2; k >= 0; k-- {
			v = math.FMA(v, x, d[k])
		}
		b[j] = v * x
	}
	return b
}

// combine is dst = y + h (w_0 k_0 + w_1 k_1 + ...): the product with w_0, then fused multiply-adds
// in the order of the stages, the last one with h.
func combine(dst, y []float64, h float64, w []float64, k *[stages][]float64) {
	n := len(dst)
	y = y[:n]
	k0, k1, k2, k3, k4, k5 := k[0][:n], k[1][:n], k[2][:n], k[3][:n], k[4][:n], k[5][:n]
	switch len(w) {
	case 1:
		w0 := w[0]
		for i := range dst {
			dst[i] = math.FMA(h, float64(w0*k0[i]), y[i])
		}
	case 2:
		w0, w1 := w[0], w[1]
		for i := range dst {
			dst[i] = math.FMA(h, math.FMA(w1, k1[i], float64(w0*k0[i])), y[i])
		}
	case 3:
		w0, w1, w2 := w[0], w[1], w[2]
		for i := range dst {
			dst[i] = math.FMA(h, math.FMA(w2, k2[i], math.FMA(w1, k1[i], float64(w0*k0[i]))), y[i])
		}
	case 4:
		w0, w1, w2, w3 := w[0], w[1], w[2], w[3]
		for i := range dst {
			dst[i] = math.FMA(h, math.FMA(w3, k3[i], math.FMA(w2, k2[i], math.FMA(w1, k1[i], float64(w0*k0[i])))), y[i])
		}
	case 5:
		w0, w1, w2, w3, w4 := w[0], w[1], w[2], w[3], w[4]
		for i := range dst {
			a := math.FMA(w2, k2[i], math.FMA(w1, k1[i], float64(w0*k0[i])))
			dst[i] = math.FMA(h, math.FMA(w4, k4[i], math.FMA(w3, k3[i], a)), y[i])
		}
	default:
		w0, w1, w2, w3, w4, w5 := w[0], w[1], w[2], w[3], w[4], w[5]
		for i := range dst {
			a := math.FMA(w2, k2[i], math.FMA(w1, k1[i], float64(w0*k0[i])))
			dst[i] = math.FMA(h, math.FMA(w5, k5[i], math.FMA(w4, k4[i], math.FMA(w3, k3[i], a))), y[i])
		}
	}
}
