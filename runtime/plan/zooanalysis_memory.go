package plan

import "github.com/weightspace/weightspace/runtime/spec"

// AnalysisEpochs lists the epochs that an analysis looks at.
func AnalysisEpochs(a *spec.Analysis) []int {
	var out []int
	for e := a.FromEpoch; e <= a.ToEpoch; e += a.EpochStep {
		out = append(out, e)
	}
	return out
}

// AnalysisCheckpoints is the largest number of checkpoints that an analysis looks at.
func AnalysisCheckpoints(a *spec.Analysis) int {
	models := a.Zoo.Members
	if a.Limit > 0 {
		models = min(models, a.Limit)
	}
	return models * ((a.ToEpoch-a.FromEpoch)/a.EpochStep + 1)
}

// analysisRowBytes is what an artifact holds of a checkpoint: statistics, path quantities, a place in the plane.
const analysisRowBytes = 1200

// MaxDistancePoints is the largest number of checkpoints whose distances are held at once; above it
// clustering takes fewer models.
const MaxDistancePoints = 8192

// analysisMemory is what a pod needs for one analysis: the weights it holds in float32, what it makes of them, and the
// images where models are run.
func analysisMemory(a *spec.Analysis, part string) int64 {
	points := int64(AnalysisCheckpoints(a))
	models := points / int64((a.ToEpoch-a.FromEpoch)/a.EpochStep+1)
	row := int64(a.Zoo.Parameters) * floatBytes
	images := int64(0)
	if d := a.Zoo.Dataset; d != nil {
		images = int64(d.Train+d.Validation+d.Test) * int64(d.Channels*d.Height*d.Width+1)
	}
	memory := int64(baseMemory)
	switch part {
	case spec.AnalysisTrajectories:
		near := min(points, MaxDistancePoints)
		memory += points*row + 3*near*near*floatBytes
	case spec.AnalysisSimilarity:
		memory += models*(row+predictionBytes(a)) + images + models*models*floatBytes + 64*mebibyte
	case spec.AnalysisProbes:
		// Features in float64, and the Gram matrix of the smaller side.
		side := min(points, int64(a.Zoo.Parameters))
		memory += points*row*3 + 3*side*side*8
	case spec.AnalysisAveraging:
		memory += models*row*2 + images + 64*mebibyte
	case spec.AnalysisEmbedding:
		near := min(points, int64(a.Embedding.Points))
		memory += near*row*3 + 4*near*near*8
	default:
		memory += row*256 + points*analysisRowBytes
	}
	return memory
}

// predictionBytes are a model's predictions, held until they are compared.
func predictionBytes(a *spec.Analysis) int64 {
	if a.Zoo.Dataset == nil || a.Similarity == nil || !a.Similarity.Agreement {
		return 0
	}
	return 2 * int64(a.Zoo.Dataset.Test)
}
