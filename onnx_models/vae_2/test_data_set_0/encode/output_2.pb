Blog_varianceJ
ќ	Б°<МА,°Аxч
А