package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weightspace/weightspace/runtime/export"
)

func newExport(a *app) *cobra.Command {
	l := &locator{}
	o := export.Options{}
	var to string
	epoch := -1
	cmd := &cobra.Command{
		Use:   "export [URI] --to DIR",
		Short: "Take models out: one folder each, that PyTorch loads by name",
		Long: `Writes a folder for each model with its weights (PyTorch's parameter names and
shapes) and config.json (how to build the network, how it was trained, its metrics),
and load.py as an example.

Formats: safetensors (model.safetensors), torch (model.pt, which
torch.load(weights_only=True) reads), huggingFace (safetensors with a model card), and
rayTune (params.json, result.json and a checkpoint for each epoch, as the published
zoos have). "weightspace import" reads all but torch back.`,
		Example: `  # The five best models of a zoo
  weightspace export --store ./out --artifact default/modelzoo/mnist-small --best 5 --to ./models

  # One model as it was after epoch 2
  weightspace export --name mnist-small --model 5d41402abc4b2a76b9719d911017c592 --epoch 2 --to ./models

  # The whole zoo, every epoch, in the layout of the published zoos
  weightspace export --name mnist-small --format rayTune --to ./tune_zoo_mnist`,
		Args: atMostOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("epoch") {
				if epoch < 0 {
					return inputError("--epoch", fmt.Sprintf("%d is no epoch", epoch), "use 0 (the initialisation) or above")
				}
				o.Epoch = &epoch
			}
			if !slices.Contains(export.Formats, o.Format) {
				return inputError("--format", fmt.Sprintf("%q is unknown", o.Format), "use one of "+strings.Join(export.Formats, ", "))
			}
			if o.Logits < 0 {
				return inputError("--logits", fmt.Sprintf("%d is no number of images", o.Logits), "use 0 for none, or more")
			}
			stores := newOpener("")
			defer stores.close()
			store, dir, err := l.open(cmd.Context(), args, stores)
			if err != nil {
				return err
			}
			r, err := export.Write(cmd.Context(), store, dir, to, o)
			if err != nil {
				return err
			}
			for _, w := range r.Warnings {
				fmt.Fprintln(a.err, "weightspace: warning: "+w)
			}
			_, err = fmt.Fprintf(a.out, "%s: %d models\n", to, len(r.Models))
			return err
		},
	}
	l.add(cmd)
	f := cmd.Flags()
	f.StringVar(&o.Format, "format", export.Safetensors, "safetensors, torch, huggingFace or rayTune")
	f.StringVar(&to, "to", "", "folder to write into (required)")
	f.IntVar(&epoch, "epoch", -1, "epoch to export; default: the last, with rayTune all")
	f.StringArrayVar(&o.Models, "model", nil, "modelID to export; may be repeated; default: all")
	f.IntVar(&o.Best, "best", 0, "only the k models of highest validation accuracy, 0 for all")
	f.IntVar(&o.Logits, "logits", 0, "also write logits.safetensors: our engine's answers to the first N test images, to compare other programs with (needs the data set)")
	f.IntVar(&o.Limit, "limit", 0, "only the first models, 0 for all")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}
