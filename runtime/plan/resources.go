package plan

import (
	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/spec"
)

// Closed-form sizes, in bytes. They set pod requests before anything runs; a test holds
// them against the measured peak of the training engine.
const (
	mebibyte = 1 << 20
	// baseMemory is the Go runtime, the binary's pages, the store client and the API client.
	baseMemory = 192 * mebibyte
	// workerMemory is the activation scratch of one worker for cnn-small at batch 64;
	// it grows with the batch. assumedWorkers of them fit the request.
	workerMemoryPerSample = 160 << 10
	// cnnMediumMemoryPerSample is that of cnn-medium, whose layers have three and a half times as many outputs.
	cnnMediumMemoryPerSample = 560 << 10
	// kernelMemory is the packed panels of one worker's products and convolutions.
	kernelMemory   = 16 * mebibyte
	assumedWorkers = 4
	// assumedImageBytes is the size of one image before its shape is known (32x32, 1 channel).
	assumedImageBytes = 1 << 10
	// slabs are the copies of all parameters: weights, gradients, two moments, the last finite
	// state, and two in flight to the store.
	slabs = 7
	// metricRowBytes is one (member, epoch) row in memory and in shard manifests.
	metricRowBytes = 256
	// indexRowBytes is one (member, epoch) row while the index is built.
	indexRowBytes = 512
)

func datasetMemory(images int64) int64 {
	// Source file, decoded pixels, permuted split, bytes in flight to the store.
	return baseMemory + 4*images*assumedImageBytes
}

func trainMemory(z *spec.Zoo, net nn.Sequential, members int) int64 {
	d := &z.Dataset
	pixels := int64(d.Train+d.Validation+d.Test) * int64(d.Channels*d.Height*d.Width+1)
	params := int64(members) * int64(z.Parameters) * floatBytes * slabs
	rows := int64(members) * int64(z.Epochs+1) * metricRowBytes
	return baseMemory + 2*pixels + params + rows + scratchMemory(z, net, members)
}

// scratchMemory is what the workers need beside the population's slabs.
func scratchMemory(z *spec.Zoo, net nn.Sequential, members int) int64 {
	batch := int64((z.BatchSize + 15) / 16 * 16)
	switch v1alpha1.ArchitecturePreset(z.Architecture) {
	case v1alpha1.ArchitectureCNNSmall:
		return assumedWorkers * batch * workerMemoryPerSample
	case v1alpha1.ArchitectureCNNMedium:
		return assumedWorkers * batch * cnnMediumMemoryPerSample
	default:
	}
	// A program for whole batches, one for the last batch of an epoch, and their evaluations; gradients are among the slabs
	// only where members outnumber workers.
	d := &z.Dataset
	images := flow{layout: nn.Images, c: d.Channels, h: d.Height, w: d.Width}
	var worker, states int64
	for _, n := range []int{min(z.BatchSize, d.Train), d.Train % z.BatchSize} {
		if n == 0 {
			continue
		}
		images.batch = n
		w := networkWorkspace(net, images, z.Parameters)
		worker += w.train + w.evaluate
		states = w.states
	}
	worker += worker / 5 // the formula is within 1.2 of the truth
	workers := int64(min(assumedWorkers, members))
	// One more row for each worker keeps the weights of the step before.
	return workers*(worker+int64(z.Parameters)*floatBytes+kernelMemory) + int64(members)*states*slabs
}

func indexMemory(z *spec.Zoo, members int) int64 {
	return baseMemory + int64(members)*int64(z.Epochs+1)*indexRowBytes
}

func zooDisk(z *spec.Zoo, members int) int64 {
	weights := int64(members) * int64(z.Epochs+1) * int64(z.Parameters) * 4
	optimizer := int64(members) * int64(z.Parameters) * 4 * 4
	return weights + optimizer + int64(members)*int64(z.Epochs+1)*metricRowBytes
}

// graceSeconds is how long a pod may take to write bytes at a slow store's 10 MB/s, with a
// margin to reach a step boundary.
func graceSeconds(bytes int64) int64 { return 30 + bytes/10_000_000 }
