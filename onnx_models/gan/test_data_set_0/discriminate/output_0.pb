BscoreJ
S`>v4”>