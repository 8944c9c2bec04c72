package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
)

// workload is one table: contenders that do the same work.
type workload struct {
	name, title, unit string
	// flops of one unit of work: multiply-adds of dense products and convolutions, twice; forward,
	// gradients of weights, and of inputs but the network's own. 0 if nothing is counted.
	flops      float64
	cores      int
	contenders []contender
	peak       contender
	bars       []bar
	dir        string
	// check replaces measuring.
	check func(ctx context.Context, out io.Writer) error
}

// allCores is what the workloads that are not for one core use: the machine of the published
// numbers has two.
const allCores = 2

// factory makes contenders.
type factory struct {
	places
	seconds float64
}

// ours is our own engine on a number of cores.
func (f factory) ours(name string, cores int, args ...string) contender {
	return f.contender(name, true, cores, f.places.ours(), args)
}

// peer is a Python script of the peers' folder.
func (f factory) peer(name string, cores int, script string, args ...string) contender {
	return f.contender(name, false, cores, f.python(), append([]string{filepath.Join(f.peers(), script)}, args...))
}

func (f factory) contender(name string, ours bool, cores int, program string, args []string) contender {
	command := append([]string{program}, args...)
	command = append(command, "--seconds", strconv.FormatFloat(f.seconds, 'g', -1, 64), "--cores", strconv.Itoa(cores))
	return contender{name: name, ours: ours, cores: cores, command: command}
}

// workloads are all tables.
func workloads(p places, seconds float64) []workload {
	f := factory{p, seconds}
	var all []workload
	all = append(all, f.sgemm()...)
	all = append(all, f.bmm()...)
	all = append(all, f.zoos()...)
	all = append(all, f.wholeZoo())
	all = append(all, f.resnet())
	all = append(all, f.transformers()...)
	all = append(all, f.scaling()...)
	for i := range all {
		all[i].peak = f.ours("peak", 1, "-work", "peak")
		all[i].dir = p.root
	}
	return all
}

func (f factory) sgemm() []workload {
	var all []workload
	for _, n := range []string{"512", "1024", "2048"} {
		all = append(all, workload{
			name: "sgemm/" + n, title: fmt.Sprintf("Square float32 matrix product of size %s on one core.", n),
			unit: "GFLOP", flops: 1e9, cores: 1,
			contenders: []contender{
				f.ours("ours", 1, "-work", "sgemm", "--size", n),
				f.peer("OpenBLAS (Debian)", 1, "sgemm.py", "--library", "debian", "--size", n),
				f.peer("OpenBLAS (NumPy)", 1, "sgemm.py", "--library", "numpy", "--size", n),
			},
			bars: []bar{{Against: "OpenBLAS (Debian)", Least: 0.85}},
		})
	}
	return all
}

func (f factory) bmm() []workload {
	var all []workload
	for _, s := range []struct{ name, shape, title string }{
		{"1024x8x32x16", "1024,8,32,16", "1,024 products of 8x32 by 32x16"},
		{"256x32x32x32", "256,32,32,32", "256 products of 32x32 by 32x32"},
	} {
		all = append(all, workload{
			name: "bmm/" + s.name, title: s.title + ", float32, one core.", unit: "GFLOP", flops: 1e9, cores: 1,
			contenders: []contender{
				f.ours("ours", 1, "-work", "bmm", "--shape", s.shape),
				f.peer("PyTorch", 1, "bmm.py", "--library", "torch", "--shape", s.shape),
				f.peer("JAX", 1, "bmm.py", "--library", "jax", "--shape", s.shape),
				f.contender("gomlx", false, 1, f.gomlx(), []string{"--shape", s.shape}),
			},
			bars: []bar{{Least: 3, Share: 0.7}},
		})
	}
	return all
}

// zoo describes a population that is trained.
type zoo struct {
	architecture, activation, data string
	members, channels              int
	flops                          float64
}

// Dense operations per sample: convolutions by output elements times kernel volume, then the linear
// layers.
var (
	cnnSmall = zoo{
		architecture: "cnn-small", activation: "tanh", data: "mnist", members: 64, channels: 1,
		flops: 2 * (2*24*24*8*25 + 3*(8*8*6*200+3*3*4*24+36*20+20*10)),
	}
	cnnMedium = zoo{
		architecture: "cnn-medium", activation: "gelu", data: "cifar10", members: 16, channels: 3,
		flops: 2 * (2*30*30*16*27 + 3*(13*13*32*144+4*4*15*288+60*20+20*10)),
	}
)

// args are the flags that describe the zoo, of ours and of the peers.
func (z zoo) args(p places, batch string) []string {
	return []string{
		"--architecture", z.architecture, "--activation", z.activation, "--channels", strconv.Itoa(z.channels),
		"--members", strconv.Itoa(z.members), "--batch", batch, "--data", p.data(z.data),
	}
}

func (f factory) zoos() []workload {
	return []workload{
		f.zoo("zoo-small/batch=64", cnnSmall, "64", bar{Against: "PyTorch one by one", Least: 4}, bar{Least: 2}, bar{Share: 0.5}),
		f.zoo("zoo-small/batch=10", cnnSmall, "10", bar{Against: "PyTorch one by one", Least: 5}, bar{Least: 2}),
		f.zoo("zoo-medium/batch=64", cnnMedium, "64", bar{Against: "PyTorch one by one", Least: 3}, bar{Least: 2}),
	}
}

func (f factory) zoo(name string, z zoo, batch string, bars ...bar) workload {
	args := z.args(f.places, batch)
	torch := func(name, mode string) contender {
		return f.peer(name, allCores, "zoo_torch.py", append([]string{"--mode", mode}, args...)...)
	}
	return workload{
		name: name, unit: "member-samples", flops: z.flops, cores: allCores, bars: bars,
		title: fmt.Sprintf("%d x %s (%s), %s, Adam, batch %s, %d cores: forward, backward and update.",
			z.members, z.architecture, z.activation, z.data, batch, allCores),
		contenders: []contender{
			f.ours("ours", allCores, append([]string{"-work", "zoo"}, args...)...),
			torch("PyTorch one by one, eager", "eager"),
			torch("PyTorch one by one, compiled", "compile"),
			torch("PyTorch vmap", "vmap"),
			f.peer("JAX vmap", allCores, "zoo_jax.py", args...),
		},
	}
}

// wholeZoo is everything that a zoo costs. The peer trains fewer members, one for each core, since it takes them one by one: members
// per second compare.
func (f factory) wholeZoo() workload {
	args := []string{"--images", "50000", "--epochs", "2", "--data", f.data("mnist")}
	with := func(members string, more ...string) []string {
		return append(append(more, "--members", members), args...)
	}
	return workload{
		name: "zoo-whole", unit: "members", cores: allCores,
		title: fmt.Sprintf("Preset mnist-seed, 2 epochs, %d cores: loading of the data, training at batch 10, evaluation of train, validation and test, checkpoints and tables. "+
			"Ours makes 64 members; PyTorch %d, and its time is taken to grow with their number.", allCores, allCores),
		contenders: []contender{
			f.ours("ours", allCores, with("64", "-work", "zoo-whole")...),
			f.ours("ours, nothing loaded or kept", allCores, with("64", "-work", "zoo-bare")...),
			f.peer("PyTorch one by one, eager", allCores, "zoo_whole_torch.py", with(strconv.Itoa(allCores), "--mode", "eager")...),
			f.peer("PyTorch one by one, compiled", allCores, "zoo_whole_torch.py", with(strconv.Itoa(allCores), "--mode", "compile")...),
		},
		bars: []bar{{Against: "PyTorch one by one", Least: 5}},
	}
}

func (f factory) resnet() workload {
	const first, rest = 32 * 32 * 64 * 27, 4*32*32*64*576 + // stage 1
		16*16*128*(576+3*1152+64) + 8*8*256*(1152+3*2304+128) + 4*4*512*(2304+3*4608+256) + 5120
	args := []string{"--batch", "64", "--data", f.data("cifar10")}
	return workload{
		name: "resnet18", unit: "samples", flops: 2 * (2*first + 3*rest), cores: allCores,
		title: fmt.Sprintf("One ResNet-18 with the CIFAR stem, batch 64, SGD with momentum, %d cores.", allCores),
		contenders: []contender{
			f.ours("ours", allCores, append([]string{"-work", "resnet18"}, args...)...),
			f.peer("PyTorch", allCores, "resnet_torch.py", args...),
		},
		bars: []bar{{Least: 0.8}},
	}
}

func (f factory) transformers() []workload {
	var all []workload
	for _, s := range []struct{ dim, depth, sequence, batch int }{
		{256, 4, 50, 32}, {256, 4, 256, 8}, {512, 8, 128, 8}, {1024, 12, 50, 8}, {1024, 12, 256, 2},
	} {
		args := []string{
			"--dim", strconv.Itoa(s.dim), "--depth", strconv.Itoa(s.depth),
			"--sequence", strconv.Itoa(s.sequence), "--batch", strconv.Itoa(s.batch),
		}
		d, t := float64(s.dim), float64(s.sequence)
		all = append(all, workload{
			name: fmt.Sprintf("transformer/%dx%dx%d", s.dim, s.depth, s.sequence), unit: "sequences",
			flops: 6 * (float64(s.depth)*(12*t*d*d+2*t*t*d) + 10*d), cores: allCores,
			title: fmt.Sprintf("Encoder, normalisation first: width %d, %d blocks, sequence %d, batch %d, AdamW, %d cores.",
				s.dim, s.depth, s.sequence, s.batch, allCores),
			contenders: []contender{
				f.ours("ours", allCores, append([]string{"-work", "transformer"}, args...)...),
				f.peer("PyTorch", allCores, "transformer_torch.py", args...),
			},
			bars: []bar{{Least: 0.9}},
		})
	}
	return all
}

func (f factory) scaling() []workload {
	var all []workload
	for _, batch := range []string{"64", "10"} {
		args := append([]string{"-work", "zoo"}, cnnSmall.args(f.places, batch)...)
		one := f.ours("1 worker", 1, args...)
		one.ours = false // what the bar compares with
		all = append(all, workload{
			name: "scaling/batch=" + batch, unit: "member-samples", flops: cnnSmall.flops, cores: allCores,
			title:      fmt.Sprintf("Our zoo-small at batch %s on one core and on two.", batch),
			contenders: []contender{f.ours("2 workers", allCores, args...), one},
			bars:       []bar{{Least: 1.85}},
		})
	}
	return all
}

// gomlx is the program of the module peers/gomlx.
func (p places) gomlx() string { return filepath.Join(p.cache, "bench", "gomlx") }
