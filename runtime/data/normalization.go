package data

import (
	"fmt"
	"math"
	"strconv"
)

// parseNormalization fills Mean and Std from the texts.
func (s *Set) parseNormalization() error {
	var err error
	if s.Mean, err = parseChannels("normalization.mean", s.Normalization.Mean, s.Train.C); err != nil {
		return err
	}
	if s.Std, err = parseChannels("normalization.std", s.Normalization.Std, s.Train.C); err != nil {
		return err
	}
	for i, v := range s.Std {
		if v <= 0 {
			return &SourceError{fmt.Sprintf("normalization.std[%d]", i), fmt.Sprintf("%v is not above 0", v), nil}
		}
	}
	return nil
}

// parseChannels parses one number per channel; a single number serves all.
func parseChannels(field string, texts []string, channels int) ([]float32, error) {
	if len(texts) != channels && len(texts) != 1 {
		return nil, &SourceError{field, fmt.Sprintf("%d values for images of %d channels", len(texts), channels), nil}
	}
	out := make([]float32, channels)
	for i := range out {
		text := texts[min(i, len(texts)-1)]
		v, err := strconv.ParseFloat(text, 32)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, &SourceError{field, fmt.Sprintf("%q is no finite number", text), nil}
		}
		out[i] = float32(v)
	}
	return out, nil
}
