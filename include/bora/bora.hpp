/// The whole core: models, files, sessions, training, and the dependency-free part of text.
#pragma once
#include <bora/infer.hpp>
#include <bora/io/safetensors_writer.hpp>
#include <bora/io/save.hpp>
#include <bora/io/save_tokenizer.hpp>
#include <bora/io/token_file.hpp>
#include <bora/model/zoo.hpp>
#include <bora/train/checkpoint.hpp>
#include <bora/train/evaluate.hpp>
#include <bora/train/fit.hpp>
#include <bora/train/gradient.hpp>
#include <bora/train/routing.hpp>
#include <bora/train/schedule.hpp>
#include <bora/train/token_mixture.hpp>
#include <bora/train/trainer.hpp>
