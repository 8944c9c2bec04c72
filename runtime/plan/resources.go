package plan

import (
	"slices"

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
	// cnnMediumMemoryPerSample is that of cnn-medium, whose layers are larger.
	cnnMediumMemoryPerSample = 320 << 10
	assumedWorkers           = 4
	// kernelMemory is the packed panels of one worker's products and convolutions.
	kernelMemory = 16 * mebibyte
	// evaluationBatch is the images that a recorded network is evaluated on at a time.
	evaluationBatch = 256
	// assumedImageBytes is the size of one image before its shape is known (32x32, 1 channel).
	assumedImageBytes = 1 << 10
	// slabs are the copies of all parameters: weights, gradients, two moments, the last finite
	// state, and two in flight to the store.
	slabs = 7
	// recordedSlabs are those of a recorded network, whose gradients are the workers': weights and two moments, three times while
	// a checkpoint is made (in use, copied, encoded), and one for the collector.
	recordedSlabs = 10
	// metricRowBytes is one (member, epoch) row in memory and in shard manifests.
	metricRowBytes = 256
	// indexMemberBytes is one member while the index is built: its identity, hyper-parameters and row. Its epochs go through a file.
	indexMemberBytes = 1 << 10
	// indexBuffers are the shard that is read, with its JSON, and the row group that is written.
	indexBuffers = 96 * mebibyte
)

func datasetMemory(images, imageBytes int64) int64 {
	// Source file, decoded pixels, permuted split, bytes in flight to the store.
	return baseMemory + 4*images*imageBytes
}

// StageMemory is what a pod of some cores needs for a stage, in bytes.
func StageMemory(st *spec.Stage, cores int) int64 {
	members := 1
	for _, sh := range st.Shards {
		members = max(members, sh.To-sh.From)
	}
	return st.MemoryBytes + int64(max(0, min(cores, members)-1))*st.WorkerBytes
}

// trainMemory is a pod's memory with one core, and what each further core adds.
func trainMemory(z *spec.Zoo, net nn.Sequential, members int) (total, worker int64) {
	d := &z.Dataset
	pixels := int64(d.Train+d.Validation+d.Test) * int64(d.Channels*d.Height*d.Width+1)
	params := int64(members) * int64(z.Parameters) * floatBytes
	rows := int64(members) * int64(z.Epochs+1) * metricRowBytes
	total = baseMemory + 2*pixels + rows
	if z.Retention.Best() {
		total += 3 * params // the best weights so far, and their copy in the resume point
	}
	small := tileMemory(z)
	if small > 0 && !slices.ContainsFunc(z.Cohorts, func(c spec.Cohort) bool { return !OnTiles(z, c) }) {
		return total + params*slabs + small, 0
	}
	worker, states := recordedMemory(z, net)
	if z.Initial != nil {
		total += params // the rows that are continued
	}
	return total + (params+int64(members)*states)*recordedSlabs + small + worker + assumedWorkers*kernelMemory, worker
}

// OnTiles says that members of a cohort of a zoo train on tiles: the zoos' small networks with the parts of a recipe that were published with
// them. It depends on what identifies a member alone, so that equal members have equal weights in every zoo.
func OnTiles(z *spec.Zoo, c spec.Cohort) bool {
	small := z.Architecture == string(v1alpha1.ArchitectureCNNSmall) || z.Architecture == string(v1alpha1.ArchitectureCNNMedium)
	plain := z.Schedule == nil && z.ClipNorm == "" && z.ClipValue == "" && z.LabelSmoothing == "" && !z.Nesterov &&
		z.Augmentation == nil && z.Objective == "" && z.Initial == nil
	return small && plain && c.Optimizer != string(v1alpha1.OptimizerAdamW)
}

// tileMemory is the scratch of the zoos' small networks on tiles; 0 for others.
func tileMemory(z *spec.Zoo) int64 {
	batch := int64((z.BatchSize + 15) / 16 * 16)
	switch v1alpha1.ArchitecturePreset(z.Architecture) {
	case v1alpha1.ArchitectureCNNSmall:
		return assumedWorkers * batch * workerMemoryPerSample
	case v1alpha1.ArchitectureCNNMedium:
		return assumedWorkers * batch * cnnMediumMemoryPerSample
	default:
		return 0
	}
}

// recordedMemory is the scratch of one worker for a network that is recorded as a graph, and a member's running statistics.
// There is a program for each size of batch: a whole one and the last of an epoch to train, and those of each split to evaluate.
func recordedMemory(z *spec.Zoo, net nn.Sequential) (worker, states int64) {
	d, seen := &z.Dataset, nn.Input(z)
	of := func(batch int) workspace {
		return networkWorkspace(net, flow{layout: nn.Images, batch: trainBatch(z, batch), c: seen.Channels, h: seen.Height, w: seen.Width}, z.Parameters)
	}
	for batch := range batches([]int{d.Train}, z.BatchSize) {
		w := of(batch)
		worker += w.train
		states = w.states
	}
	evaluation := evaluationBatch
	if z.Objective == spec.ObjectiveContrastive {
		evaluation = z.BatchSize
	}
	for batch := range batches([]int{d.Train, d.Validation, d.Test}, evaluation) {
		worker += of(batch).evaluate
	}
	worker += augmentationMemory(z)
	worker += worker / 5 // the formula is within 1.2 of the truth
	// One more row keeps the weights of the step before.
	return worker + int64(z.Parameters)*floatBytes, states
}

// batches are the sizes of batches that splits are cut into.
func batches(splits []int, size int) map[int]bool {
	out := map[int]bool{}
	for _, n := range splits {
		out[min(n, size)], out[n%size] = true, true
	}
	delete(out, 0)
	return out
}

func indexMemory(members int) int64 {
	return baseMemory + indexBuffers + int64(members)*indexMemberBytes
}

// zooDisk is the artifact's size: weights of the epochs that stay, resume points, metrics. Running statistics are stored with the weights.
func zooDisk(z *spec.Zoo, net nn.Sequential, members int) int64 {
	_, states := recordedMemory(z, net)
	weights := int64(members) * int64(z.Retention.Epochs(z.Epochs)) * (int64(z.Parameters)*floatBytes + states)
	optimizer := int64(members) * int64(z.Parameters) * 4 * 4
	return weights + optimizer + int64(members)*int64(z.Epochs+1)*metricRowBytes
}

// graceSeconds is how long a pod may take to write bytes at a slow store's 10 MB/s, with a
// margin to reach a step boundary.
func graceSeconds(bytes int64) int64 { return 30 + bytes/10_000_000 }
